"""An original's header, read before any pixel is decoded."""

from dataclasses import dataclass
from typing import Any

from lambdas.core.settings import Settings
from lambdas.core.settings.pictures import Limits
from lambdas.imaging.colour.code_points import CodedProfile, coded_profile
from lambdas.imaging.colour.icc import profile_name
from lambdas.imaging.containers.isobmff import code_points
from lambdas.imaging.containers.png import png_profile
from lambdas.imaging.engine import pyvips, reason
from lambdas.imaging.exif import Exif, read_exif
from lambdas.imaging.geometry import Size
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.rejection.limits import check_animation, check_dimensions, check_pages

_SIDEWAYS = range(5, 9)  # EXIF orientations whose rows are the upright picture's columns
_ANIMATED_CODECS = frozenset({"gif", "webp"})
_WHOLE_FRAME_CODECS = frozenset({"av1", "hevc"})


@dataclass(frozen=True, slots=True)
class Header:
    """A picture as its header describes it."""

    size: Size
    """Upright, in pixels."""
    codec: str
    """Codec of the pixels: jpeg, png, webp, gif, tiff, av1 or hevc."""
    orientation: int
    """EXIF orientation to apply, 1 to 8; 1 for AVIF and HEIC, because the decoder applies their own boxes."""
    color_space: str
    """libvips' name: srgb, rgb16, b-w, cmyk, lab …"""
    profile: str | None
    """Description of the embedded ICC profile, or of ``coded``; None if there is neither."""
    embedded: bytes | None
    """The embedded ICC profile."""
    coded: CodedProfile | None
    """The profile made from code points or chunks; takes precedence over ``embedded``."""
    alpha: bool
    pages: int
    """Frames of an animation, pages of a TIFF."""
    exif: Exif

    @property
    def stored(self) -> Size:
        """The size as stored, before it is turned upright, in pixels."""
        return Size(self.size.height, self.size.width) if self.orientation in _SIDEWAYS else self.size

    @property
    def moving(self) -> bool:
        """Whether the pages are frames of an animation that can be kept."""
        return self.pages > 1 and self.codec in _ANIMATED_CODECS

    @property
    def whole_frame(self) -> bool:
        """Whether the decoder holds the whole picture in memory before it returns a pixel."""
        return self.codec in _WHOLE_FRAME_CODECS


def inspect(data: bytes, limits: Limits) -> Header:
    """Read the header of the picture in ``data`` and check it against ``limits``.

    Raises:
        RejectedError: ``corrupt``, ``too_many_pixels``, ``too_long_side`` or ``too_many_pages``.
    """
    try:
        image = pyvips.Image.new_from_buffer(data, "", access="sequential")
    except pyvips.Error as error:
        raise RejectedError("corrupt", f"expected a picture's header but received: {reason(error)}") from error
    orientation, codec = _orientation(image), _codec(image)
    stored = Size(image.width, image.height)
    check_dimensions(stored.width, stored.height, limits, whole_frame=codec in _WHOLE_FRAME_CODECS)
    pages = int(_field(image, "n-pages") or 1)
    check_pages(pages, limits)
    embedded = bytes(_field(image, "icc-profile-data") or b"") or None
    coded = _coded_profile(data, codec, has_embedded=embedded is not None)
    return Header(
        size=Size(stored.height, stored.width) if orientation in _SIDEWAYS else stored,
        codec=codec,
        orientation=orientation,
        color_space=str(image.interpretation),
        profile=_named(coded, embedded),
        embedded=embedded,
        coded=coded,
        alpha=bool(image.hasalpha()),
        pages=pages,
        exif=read_exif(lambda name: _field(image, name)),
    )


def kept_frames(header: Header, settings: Settings) -> int:
    """Return how many frames the animated derivatives of a picture with this ``header`` have.

    Raises:
        RejectedError: ``too_many_pixels``: an animation is kept whole, or rejected.
    """
    if not header.moving or settings.rendering.animated == "first_frame":
        return 1
    check_animation(header.size.width, header.size.height, header.pages, settings.limits)
    return header.pages


def _field(image: "pyvips.Image", name: str) -> Any:
    return image.get(name) if image.get_typeof(name) else None


def _orientation(image: "pyvips.Image") -> int:
    found = _field(image, "orientation")
    return found if found in range(1, 9) else 1


def _codec(image: "pyvips.Image") -> str:
    loader = str(image.get("vips-loader")).partition("load")[0].removeprefix("ns")
    return str(image.get("heif-compression")) if loader == "heif" else loader


def _coded_profile(data: bytes, codec: str, *, has_embedded: bool) -> CodedProfile | None:
    if codec == "png":
        return png_profile(data)
    if codec in _WHOLE_FRAME_CODECS and not has_embedded and (code := code_points(data)):
        return coded_profile(code)
    return None


def _named(coded: CodedProfile | None, embedded: bytes | None) -> str | None:
    if coded is not None:
        return coded.name
    return None if embedded is None else profile_name(embedded) or "unnamed"
