"""Decode an original to upright sRGB pixels in memory, shrunk while loading where the format allows it."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from lambdas.imaging.colour.conversion import loading_options, to_srgb, with_profile
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.engine import clear_errors, logged_errors, pyvips
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import Header
from lambdas.imaging.motion import read_frames
from lambdas.imaging.rejection.corrupt import corrupt
from lambdas.imaging.resize import each_frame

if TYPE_CHECKING:
    from lambdas.imaging.rejection.jxl import JxlPicture

# What stops a decode. "missing": also data that is missing or garbled within a JPEG that ends properly. "error":
# truncation and damage that ends the decode. "none": only what leaves no pixels at all.
FailOn = Literal["missing", "error", "none"]
# What libjpeg warns of when it fills in pixels. Its other warnings are harmless; intact photographs of some phones
# cause them. Source: libjpeg-turbo, jerror.h.
_PIXELS_MISSING = re.compile(r"premature end|bad Huffman code|instead of RST|Inconsistent progression")
_OPAQUE = 255
_JPEG_SHRINKS = (8, 4, 2)  # by which the decoder can reduce, block by block
# The factor that is left to the resampler; libvips itself leaves 2. With 1.8, a camera's 22 megapixels take a
# third less, and their derivatives lose less than 0.1 of SSIMULACRA2 on average; with 1.34 the largest lose 0.5;
# with 1.02, 0.4 to 2.
_LEFT_TO_RESAMPLE = 1.5
_PREMULTIPLIED = "a"
_LIMITED_BLACK, _LIMITED_SPAN = 16 / 255, 219 / 255  # of full scale (ITU-R BT.601, 8 bit)


def decode(
    data: bytes, header: Header, size: Size, deadline: Deadline, *, frames: int = 1, fail_on: FailOn = "error"
) -> "pyvips.Image":
    """Decode ``data`` at exactly ``size`` pixels: upright, 8-bit sRGB, with alpha only if some pixel is not opaque.

    ``frames`` of an animation are returned one below the other; ``size`` is that of one frame.

    Raises:
        RejectedError: ``corrupt`` (truncated files too) or ``too_costly``.
        OutOfTimeError: the wall-clock limit has passed; a retry may help.
    """
    clear_errors()
    try:
        shrunk = _shrunk(data, header, size, frames, fail_on, deadline)
        pixels = _without_opaque_alpha(deadline.compute(to_srgb(shrunk)))
    except pyvips.Error as error:
        if fail_on == "missing" and header.codec == "jpeg" and not _PIXELS_MISSING.search(str(error)):
            return decode(data, header, size, deadline, frames=frames)
        raise corrupt(data, "pixels", error) from error
    if fail_on == "missing" and _PIXELS_MISSING.search(logged := logged_errors()):  # in a strip or tile of a TIFF
        raise corrupt(data, "pixels", logged)
    return pixels


def jpeg_shrink(original: Size, size: Size) -> int:
    """Return the factor by which the JPEG decoder reduces ``original`` before it is resampled to ``size``."""
    factor = min(original.width / size.width, original.height / size.height)
    return next((shrink for shrink in _JPEG_SHRINKS if factor / shrink >= _LEFT_TO_RESAMPLE), 1)


def hevc_pixels(data: bytes) -> "pyvips.Image":
    """Decode the primary picture of the HEIC in ``data``: 8 or 16 bit, turned and mirrored as its boxes say.

    libvips' wheel has no HEVC decoder. libheif applies the boxes irot, imir and clap.

    Raises:
        RejectedError: ``corrupt``.
    """
    # Not at the top: it imports Pillow, which would lengthen every cold start for one format.
    import pi_heif

    pi_heif.options.DECODE_THREADS = pyvips.concurrency_get()
    try:
        file = pi_heif.open_heif(data, convert_hdr_to_8bit=False)
        primary = file[file.primary_index]
        pixels = bytes(primary.data)  # a copy: ``file`` owns the memory
    except (ValueError, RuntimeError, EOFError, SyntaxError, OSError, IndexError) as error:
        raise corrupt(data, "pixels", error) from error
    letters, _, bits = primary.mode.partition(";")
    image = pyvips.Image.new_from_memory(pixels, *primary.size, len(letters), "ushort" if bits else "uchar")
    return _interpreted(image, premultiplied=letters.endswith(_PREMULTIPLIED))


def _jxl_pixels(data: bytes, picture: "JxlPicture", deadline: Deadline, *, partial: bool) -> "pyvips.Image":
    # Not at the top: see lambdas.imaging.inspect.
    from lambdas.imaging.libjxl import JxlError, JxlTooLargeError, jxl_pixels
    from lambdas.imaging.rejection.jxl import too_complex

    header = picture.header
    try:
        pixels = jxl_pixels(data, header, picture.memory, deadline, partial=partial)
    except JxlError as error:
        raise corrupt(data, "pixels", error) from error
    except JxlTooLargeError as error:
        raise too_complex(picture.memory) from error
    image = pyvips.Image.new_from_memory(
        pixels, header.width, header.height, header.bands, "ushort" if header.deep else "uchar"
    )
    return _interpreted(image, premultiplied=False)


def _interpreted(image: "pyvips.Image", *, premultiplied: bool) -> "pyvips.Image":
    grey, deep = image.bands < 3, image.format == "ushort"
    space = ("grey16" if deep else "b-w") if grey else ("rgb16" if deep else "srgb")
    tagged = image.copy(interpretation=space)
    return tagged.unpremultiply().cast(image.format) if premultiplied else tagged


def _shrunk(
    data: bytes, header: Header, size: Size, frames: int, fail_on: FailOn, deadline: Deadline
) -> "pyvips.Image":
    loader_fails_on: str = fail_on
    if fail_on == "missing":
        loader_fails_on = "warning" if header.codec == "jpeg" else "error"
    if frames > 1:
        return _load_frames(data, header, size, frames, loader_fails_on, deadline)
    if header.codec == "webp" and header.profile_ignored is None:
        return _load_webp(data, header, size, loader_fails_on)
    if header.structure.jxl is not None:
        pixels = _jxl_pixels(data, header.structure.jxl, deadline, partial=fail_on == "none")
    else:
        pixels = _open(data, header, size, loader_fails_on)
    for prepare in _PREPARATIONS:
        pixels = prepare(header, pixels)
    return pixels.thumbnail_image(size.width, height=size.height, size="force", **loading_options(header))


def _open(data: bytes, header: Header, size: Size, fail_on: str) -> "pyvips.Image":
    """Open the picture itself, its first frame or page: ``thumbnail_buffer`` would look for previews in the file."""
    if header.codec == "hevc":
        return hevc_pixels(header.structure.patched(data))
    options = {"shrink": jpeg_shrink(header.size, size)} if header.codec == "jpeg" else {}
    return pyvips.Image.new_from_buffer(
        header.structure.patched(data), "", access="sequential", fail_on=fail_on, **options
    )


def _shown_bands(header: Header, pixels: "pyvips.Image") -> "pyvips.Image":
    """Keep the bands that are colours or alpha."""
    if (bands := header.structure.bands) is None:
        return pixels
    kept = pixels.extract_band(bands[0])
    return (kept.bandjoin([pixels.extract_band(band) for band in bands[1:]]) if len(bands) > 1 else kept).copy(
        interpretation=pixels.interpretation
    )


def _full_range(header: Header, pixels: "pyvips.Image") -> "pyvips.Image":
    """Expand grey in the limited range of video; libheif does so for colours alone."""
    if not header.structure.limited_grey:
        return pixels
    full = 255 if pixels.format == "uchar" else 65_535
    alpha = pixels.bands in (2, 4)
    grey = pixels[:-1] if alpha else pixels
    expanded = ((grey - full * _LIMITED_BLACK) / _LIMITED_SPAN).rint().cast(pixels.format)
    return (expanded.bandjoin(pixels[-1]) if alpha else expanded).copy(interpretation=pixels.interpretation)


def _unassociated(header: Header, pixels: "pyvips.Image") -> "pyvips.Image":
    """Divide the colours of an AVIF by alpha where they are multiplied by it; libvips leaves them so."""
    boxes = header.structure.boxes
    if boxes is None or not boxes.items.premultiplied or header.codec != "av1" or not pixels.hasalpha():
        return pixels
    return pixels.unpremultiply().cast(pixels.format).copy(interpretation=pixels.interpretation)


def _orientation(header: Header, pixels: "pyvips.Image") -> "pyvips.Image":
    """Mark how the picture is to be turned, where the decoder does not."""
    if header.orientation == 1 or pixels.get_typeof("orientation"):
        return pixels
    turned = pixels.copy()
    turned.set_type(pyvips.GValue.gint_type, "orientation", header.orientation)
    return turned


_PREPARATIONS: tuple[Callable[[Header, "pyvips.Image"], "pyvips.Image"], ...] = (
    _shown_bands,
    _full_range,
    _unassociated,
    with_profile,
    _orientation,
)


def _load_webp(data: bytes, header: Header, size: Size, fail_on: str) -> "pyvips.Image":
    """Shrink on load and turn upright.

    ``thumbnail_buffer`` ignores its own ``fail_on`` argument (libvips issue 5195), so it is passed
    as an option of the loader.
    """
    return pyvips.Image.thumbnail_buffer(
        header.structure.patched(data),
        size.width,
        height=size.height,
        size="force",
        option_string=f"[fail_on={fail_on}]",
        **loading_options(header),
    )


def _load_frames(
    data: bytes, header: Header, size: Size, frames: int, fail_on: str, deadline: Deadline
) -> "pyvips.Image":
    lying = Size(size.height, size.width) if header.stored != header.size else size
    if header.structure.sequence is not None:
        shrunk = read_frames(data, header, lying, frames, deadline)
    else:
        shrunk = pyvips.Image.thumbnail_buffer(
            data,
            lying.width,
            height=lying.height,
            size="force",
            no_rotate=True,
            option_string=f"[fail_on={fail_on},n={frames}]",
            **loading_options(header),
        )
    if header.orientation == 1:
        return shrunk
    turned = _orientation(header, shrunk)
    return each_frame(turned, lambda frame: frame.autorot())


def _without_opaque_alpha(image: "pyvips.Image") -> "pyvips.Image":
    if image.hasalpha() and image[-1].min() == _OPAQUE:
        return image[:-1]
    return image
