"""An original's header, read before any pixel is decoded.

What the file's own structure says comes first, because libvips draws some variants wrong; then libvips' view of it.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from lambdas.core.settings import Settings
from lambdas.core.settings.pictures import Limits
from lambdas.imaging.colour.code_points import CodedProfile, CodePoints, coded_profile, profile_code_points
from lambdas.imaging.colour.conversion import profile_fault
from lambdas.imaging.colour.icc import profile_name
from lambdas.imaging.containers.frames import FirstFrameReason, Sequence, ending_at, gif_frames, webp_frames
from lambdas.imaging.containers.isobmff import still_brand
from lambdas.imaging.containers.jpeg import has_gain_map
from lambdas.imaging.containers.png import png_code_points, png_profile, png_sequence
from lambdas.imaging.containers.tracks import avif_sequence
from lambdas.imaging.engine import clear_errors, pyvips
from lambdas.imaging.exif import Exif, read_exif
from lambdas.imaging.formats import SNIFF_BYTES, KnownFormat, sniff
from lambdas.imaging.geometry import Size
from lambdas.imaging.rejection.corrupt import corrupt
from lambdas.imaging.rejection.heif import HeifPicture, check_heif
from lambdas.imaging.rejection.jpeg import check_jpeg
from lambdas.imaging.rejection.limits import check_dimensions, check_pages
from lambdas.imaging.rejection.tiff import check_tiff

if TYPE_CHECKING:
    from lambdas.imaging.rejection.jxl import JxlPicture

_SIDEWAYS = range(5, 9)  # EXIF orientations whose rows are the upright picture's columns
_ANIMATED_CODECS = frozenset({"gif", "webp"})
_WHOLE_FRAME_CODECS = frozenset({"av1", "hevc", "jxl"})
_EXIF_TURNS_HEIC = "samsung"


@dataclass(frozen=True, slots=True)
class Structure:
    """What a file's own structure says that libvips does not pass on, or passes on wrong."""

    bands: tuple[int, ...] | None = None
    """Which of the decoded bands are colours and alpha; None for all."""
    alpha: bool | None = None
    limited_grey: bool = False
    """Whether grey samples have the limited range of video."""
    boxes: HeifPicture | None = None
    jxl: "JxlPicture | None" = None
    pages: int | None = None
    code_points: CodePoints | None = None
    gain_map: bool = False
    """Whether it comes with what an HDR display multiplies it with."""
    sequence: Sequence | None = None
    """The animation, of which libvips sees the first frame alone."""
    patch: tuple[int, bytes] | None = None
    """Offset and replacement of bytes on account of which libvips would not open the picture, or would read others."""

    def patched(self, data: bytes) -> bytes:
        """Return ``data`` as it is to be decoded."""
        if self.patch is None:
            return data
        at, replacement = self.patch
        return data[:at] + replacement + data[at + len(replacement) :]


@dataclass(frozen=True, slots=True)
class Header:
    """A picture as its header describes it."""

    size: Size
    """Upright, in pixels."""
    codec: str
    """Codec of the pixels: jpeg, png, webp, gif, tiff, av1, hevc or jxl."""
    orientation: int
    """EXIF orientation to apply, 1 to 8; 1 where the decoder does, by what AVIF, HEIC and JPEG XL say of it."""
    color_space: str
    """libvips' name: srgb, rgb16, b-w, cmyk, lab …"""
    profile: str | None
    """Description of the embedded ICC profile, or of ``coded``; None if there is neither."""
    profile_ignored: Literal["damaged", "unsuitable"] | None
    """Why the embedded profile is not used."""
    embedded: bytes | None
    """The embedded ICC profile, if it is used."""
    coded: CodedProfile | None
    """The profile made from code points or chunks; takes precedence over ``embedded``."""
    hdr: bool
    """Whether it has light brighter than an SDR display's white, by its transfer curve or by a map of gains."""
    alpha: bool
    pages: int
    """Frames of an animation, pages of a TIFF."""
    exif: Exif
    structure: Structure

    @property
    def stored(self) -> Size:
        """The size as stored, before it is turned upright, in pixels."""
        return Size(self.size.height, self.size.width) if self.orientation in _SIDEWAYS else self.size

    @property
    def moving(self) -> bool:
        """Whether the pages are frames of an animation."""
        return self.pages > 1 and (self.structure.sequence is not None or self.codec in _ANIMATED_CODECS)

    @property
    def whole_frame(self) -> bool:
        """Whether the decoder holds the whole picture in memory before it returns a pixel."""
        return self.codec in _WHOLE_FRAME_CODECS


def inspect(data: bytes, limits: Limits) -> Header:
    """Read the header of the picture in ``data`` and check it against ``limits``.

    Raises:
        RejectedError: ``corrupt``, ``unsupported_format``, ``too_many_pixels``, ``too_long_side``,
            ``too_many_pages`` or ``too_complex``.
    """
    fmt = sniff(data[:SNIFF_BYTES])
    structure = _structure(fmt, data, limits)
    if structure.jxl is not None:
        return _jxl_header(structure.jxl, structure)
    clear_errors()
    try:
        image = pyvips.Image.new_from_buffer(structure.patched(data), "", access="sequential")
    except pyvips.Error as error:
        raise corrupt(data, "header", error) from error
    codec = _codec(image)
    stored = Size(image.width, image.height)
    check_dimensions(stored.width, stored.height, limits, whole_frame=codec in _WHOLE_FRAME_CODECS)
    pages = structure.pages or int(_field(image, "n-pages") or 1)
    if structure.sequence is not None:
        pages = structure.sequence.frames
    else:
        check_pages(pages, limits)
    exif = read_exif(
        data if fmt == "tiff" else _block(image, "exif-data"), _block(image, "xmp-data"), _block(image, "iptc-data")
    )
    orientation = _orientation(image, exif, structure)
    embedded = _block(image, "icc-profile-data") or None
    fault = profile_fault(embedded, str(image.interpretation)) if embedded else None
    used = None if fault else embedded
    coded = _coded_profile(data, fmt, structure, has_embedded=used is not None)
    return Header(
        size=Size(stored.height, stored.width) if orientation in _SIDEWAYS else stored,
        codec=codec,
        orientation=orientation,
        color_space=str(image.interpretation),
        profile=_name_of_profile(coded, used),
        profile_ignored=fault,
        embedded=used,
        coded=coded,
        hdr=_is_hdr(structure, used),
        alpha=bool(image.hasalpha()) if structure.alpha is None else structure.alpha,
        pages=pages,
        exif=exif,
        structure=structure,
    )


def kept_frames(header: Header, settings: Settings) -> int:
    """Return how many frames the animated derivatives of a picture with this ``header`` have."""
    return header.pages if header.moving and first_frame_reason(header, settings) is None else 1


def first_frame_reason(header: Header, settings: Settings) -> FirstFrameReason | None:
    """Return why only the first frame of the animation with this ``header`` is drawn; None if it is drawn whole.

    An animation is never shortened otherwise.
    """
    limits, sequence = settings.limits, header.structure.sequence
    if settings.rendering.animated == "first_frame":
        return "settings"
    if header.pages > limits.max_pages:
        return "too_many_frames"
    if header.size.pixels * header.pages > limits.max_animation_pixels:
        return "too_many_pixels"
    return None if sequence is None or sequence.readable else "unsupported"


def _jxl_header(picture: "JxlPicture", structure: Structure) -> Header:
    found = picture.header
    grey, deep = found.colours == 1, found.deep
    color_space = ("grey16" if deep else "b-w") if grey else ("rgb16" if deep else "srgb")
    coded = coded_profile(structure.code_points) if structure.code_points else None
    # What libjxl makes of code points would show HDR too dark.
    embedded = (found.icc or None) if structure.code_points is None else None
    fault = profile_fault(embedded, color_space) if embedded else None
    used = None if fault else embedded
    return Header(
        size=Size(found.width, found.height),
        codec="jxl",
        orientation=1,
        color_space=color_space,
        profile=_name_of_profile(coded, used),
        profile_ignored=fault,
        embedded=used,
        coded=coded,
        hdr=picture.overbright or _is_hdr(structure, used),
        alpha=found.alpha,
        pages=found.frames,
        exif=read_exif(picture.exif, picture.xmp),
        structure=structure,
    )


def _name_of_profile(coded: CodedProfile | None, embedded: bytes | None) -> str | None:
    if coded:
        return coded.name
    return (profile_name(embedded) or "unnamed") if embedded else None


def _is_hdr(structure: Structure, embedded: bytes | None) -> bool:
    said = (structure.code_points, profile_code_points(embedded) if embedded else None)
    return structure.gain_map or any(code is not None and code.hdr for code in said)


def _structure(fmt: KnownFormat | None, data: bytes, limits: Limits) -> Structure:
    if fmt == "jpeg":
        check_jpeg(data, limits)
        return Structure(gain_map=has_gain_map(data))
    if fmt == "png":
        return Structure(code_points=png_code_points(data), sequence=png_sequence(data))
    if fmt == "gif" or fmt == "webp":
        frames = (gif_frames if fmt == "gif" else webp_frames)(data, limits.max_pages)
        check_pages(limits.max_pages + 1 if frames is None else 1, limits)
        if frames is not None and len(frames) > max(1, limits.max_pages):
            # libvips would read all frames to open the first.
            return Structure(sequence=Sequence(len(frames), readable=False), patch=ending_at(fmt, frames[1]))
    if fmt == "tiff":
        page = check_tiff(data, limits)
        # Without the other pages: an unreadable one would count as damage to the first.
        patch = (page.following_at, bytes(page.offset_bytes)) if page.pages > 1 else None
        return Structure(bands=page.bands, alpha=page.alpha, pages=page.pages, patch=patch)
    if fmt in ("avif", "heic"):
        boxes, brand = check_heif(data, limits), still_brand(data)
        patch = (8, brand) if brand else None
        if boxes is None:
            return Structure(patch=patch)
        return Structure(
            limited_grey=boxes.limited_grey,
            boxes=boxes,
            sequence=_sequence(data, boxes, limits) if fmt == "avif" else None,
            code_points=boxes.code_points,
            gain_map=boxes.items.gain_map,
            patch=patch,
        )
    if fmt == "jxl":
        # Not at the top: it parses declarations of C, which would lengthen every cold start for one format.
        from lambdas.imaging.rejection.jxl import check_jxl

        picture = check_jxl(data, limits)
        sequence = Sequence(picture.header.frames, readable=False) if picture.header.frames > 1 else None
        return Structure(jxl=picture, sequence=sequence, code_points=picture.code_points, gain_map=picture.gain_map)
    return Structure()


def _sequence(data: bytes, boxes: HeifPicture, limits: Limits) -> Sequence | None:
    """Return the animation of an AVIF; one whose still is turned or cropped is not readable."""
    found = avif_sequence(data, boxes.items.picture.size, limits.max_pages)
    return replace(found, readable=False) if found and boxes.items.picture.transforms else found


def _field(image: "pyvips.Image", name: str) -> Any:
    return image.get(name) if image.get_typeof(name) else None


def _block(image: "pyvips.Image", name: str) -> bytes:
    return bytes(_field(image, name) or b"")


def _orientation(image: "pyvips.Image", exif: Exif, structure: Structure) -> int:
    """Return the EXIF orientation that remains to be applied.

    By ISO/IEC 23008-12, 6.5.10, EXIF does not turn a HEIC: its boxes do, and viewers ignore EXIF. Samsung's
    phones write no such boxes (Galaxy S24 FE, One UI of 2025; the same of other models in
    https://github.com/immich-app/immich/issues/31617) and show their pictures turned by EXIF.
    """
    boxes = structure.boxes
    if boxes is not None and not boxes.turned and (exif.make or "").lower() == _EXIF_TURNS_HEIC:
        return exif.orientation or 1
    found = _field(image, "orientation")
    return found if found in range(1, 9) else 1


def _codec(image: "pyvips.Image") -> str:
    loader = str(image.get("vips-loader")).partition("load")[0].removeprefix("ns")
    return str(image.get("heif-compression")) if loader == "heif" else loader


def _coded_profile(
    data: bytes, fmt: KnownFormat | None, structure: Structure, *, has_embedded: bool
) -> CodedProfile | None:
    if fmt == "png":
        return png_profile(data)
    if has_embedded or structure.code_points is None:
        return None
    return coded_profile(structure.code_points)
