"""Decode an original to upright sRGB pixels in memory, shrunk while loading where the format allows it."""

from typing import Literal

from lambdas.imaging.colour.conversion import loading_options, to_srgb, with_profile
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.engine import pyvips, reason
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import Header
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.resize import each_frame

# What stops a decode. "error": truncation and damage, but not warnings, which intact photographs of
# some phones cause. "none": only what leaves no pixels at all.
FailOn = Literal["error", "none"]
_OPAQUE = 255
_JPEG_SHRINKS = (8, 4, 2)  # by which the decoder can reduce, block by block
# The factor that is left to the resampler; libvips itself leaves 2. With 1.8, a camera's 22 megapixels take a
# third less, and their derivatives lose less than 0.1 of SSIMULACRA2 on average; with 1.34 the largest lose 0.5;
# with 1.02, 0.4 to 2.
_LEFT_TO_RESAMPLE = 1.5
_PREMULTIPLIED = "a"


def decode(
    data: bytes, header: Header, size: Size, deadline: Deadline, *, frames: int = 1, fail_on: FailOn = "error"
) -> "pyvips.Image":
    """Decode ``data`` at exactly ``size`` pixels: upright, 8-bit sRGB, with alpha only if some pixel is not opaque.

    ``frames`` of an animation are returned one below the other; ``size`` is that of one frame.

    Raises:
        RejectedError: ``corrupt`` (truncated files too) or ``decode_timeout``.
    """
    try:
        if frames > 1:
            shrunk = _load_frames(data, header, size, frames, fail_on)
        elif header.whole_frame or header.coded:
            shrunk = _load_whole(data, header, size, fail_on)
        elif header.codec == "jpeg":
            shrunk = _load_jpeg(data, header, size, fail_on)
        else:
            shrunk = _load_shrunk(data, header, size, fail_on)
        return _without_opaque_alpha(deadline.compute(to_srgb(shrunk)))
    except pyvips.Error as error:
        raise RejectedError("corrupt", f"expected pixels but received: {reason(error)}") from error


def jpeg_shrink(original: Size, size: Size) -> int:
    """Return the factor by which the JPEG decoder reduces ``original`` before it is resampled to ``size``."""
    factor = min(original.width / size.width, original.height / size.height)
    return next((shrink for shrink in _JPEG_SHRINKS if factor / shrink >= _LEFT_TO_RESAMPLE), 1)


def hevc_pixels(data: bytes) -> "pyvips.Image":
    """Decode the primary picture of the HEIC in ``data``: 8 or 16 bit, turned and mirrored as its boxes say.

    libvips' wheel has no HEVC decoder. libheif applies the boxes irot and imir; EXIF repeats their
    orientation and is not applied again (ISO/IEC 23008-12, 6.5.10: metadata describe the picture, they
    do not transform it).

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
        raise RejectedError("corrupt", f"expected a HEIC's pixels but received: {error}") from error
    letters, _, bits = primary.mode.partition(";")
    image = pyvips.Image.new_from_memory(pixels, *primary.size, len(letters), "ushort" if bits else "uchar")
    return _interpreted(image, premultiplied=letters.endswith(_PREMULTIPLIED))


def _interpreted(image: "pyvips.Image", *, premultiplied: bool) -> "pyvips.Image":
    grey, deep = image.bands < 3, image.format == "ushort"
    space = ("grey16" if deep else "b-w") if grey else ("rgb16" if deep else "srgb")
    tagged = image.copy(interpretation=space)
    return tagged.unpremultiply().cast(image.format) if premultiplied else tagged


def _load_shrunk(data: bytes, header: Header, size: Size, fail_on: FailOn) -> "pyvips.Image":
    """Shrink on load and turn upright.

    ``thumbnail_buffer`` ignores its own ``fail_on`` argument (libvips issue 5195), so it is passed
    as an option of the loader.
    """
    return pyvips.Image.thumbnail_buffer(
        data,
        size.width,
        height=size.height,
        size="force",
        option_string=f"[fail_on={fail_on}]",
        **loading_options(header),
    )


def _load_jpeg(data: bytes, header: Header, size: Size, fail_on: FailOn) -> "pyvips.Image":
    """Shrink on load, further than ``thumbnail_buffer`` would, and turn upright."""
    opened = pyvips.Image.new_from_buffer(
        data, "", access="sequential", fail_on=fail_on, shrink=jpeg_shrink(header.size, size)
    )
    return opened.thumbnail_image(size.width, height=size.height, size="force", **loading_options(header))


def _load_whole(data: bytes, header: Header, size: Size, fail_on: FailOn) -> "pyvips.Image":
    """Decode in full, then shrink.

    For AVIF and HEIC this costs nothing, and ``thumbnail_buffer`` would use an embedded preview instead
    of the picture. A profile that the file does not embed can only be attached to pixels.
    """
    if header.codec == "hevc":
        opened = hevc_pixels(data)
    else:
        opened = pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on=fail_on)
    return with_profile(header, opened).thumbnail_image(
        size.width, height=size.height, size="force", **loading_options(header)
    )


def _load_frames(data: bytes, header: Header, size: Size, frames: int, fail_on: FailOn) -> "pyvips.Image":
    lying = Size(size.height, size.width) if header.stored != header.size else size
    shrunk = pyvips.Image.thumbnail_buffer(
        data,
        lying.width,
        height=lying.height,
        size="force",
        no_rotate=True,
        option_string=f"[fail_on={fail_on},n={frames}]",
        **loading_options(header),
    )
    return shrunk if header.orientation == 1 else each_frame(shrunk, lambda frame: frame.autorot())


def _without_opaque_alpha(image: "pyvips.Image") -> "pyvips.Image":
    if image.hasalpha() and image[-1].min() == _OPAQUE:
        return image[:-1]
    return image
