"""From an original's bytes to upright sRGB pixels in memory, shrunk while loading where the format allows it."""

from typing import Literal

from lambdas.imaging.colour import loading_options, read_by, to_srgb
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.engine import pyvips
from lambdas.imaging.frames import each_frame
from lambdas.imaging.geometry import Size
from lambdas.imaging.hevc import hevc_pixels
from lambdas.imaging.inspect import Header, reason
from lambdas.imaging.rejection import RejectedError

# What stops a decode. "error": truncation and damage, but not mere warnings, which sound photographs
# of some phones cause. "none": nothing that leaves any pixels.
FailOn = Literal["error", "none"]
_OPAQUE = 255
_JPEG_SHRINKS = (8, 4, 2)  # what the decoder can reduce by, block by block
# libvips itself leaves 2. Leaving 1.8, a camera's 22 megapixels take a third less, and their derivatives lose
# less than 0.1 of SSIMULACRA2 in the mean; leaving 1.34, the largest lose 0.5; leaving 1.02, 0.4 to 2.
_LEFT_TO_RESAMPLE = 1.5


def decode(
    data: bytes, header: Header, size: Size, deadline: Deadline, *, frames: int = 1, fail_on: FailOn = "error"
) -> "pyvips.Image":
    """Decode ``data`` at exactly ``size`` pixels: upright, 8-bit sRGB, alpha only where something shows through.

    Of an animation, ``frames`` of them below each other; ``size`` is that of one.

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
    """Return by how much a JPEG decoder is to reduce ``original``, for the resampler to make ``size`` of the rest."""
    factor = min(original.width / size.width, original.height / size.height)
    return next((shrink for shrink in _JPEG_SHRINKS if factor / shrink >= _LEFT_TO_RESAMPLE), 1)


def _load_shrunk(data: bytes, header: Header, size: Size, fail_on: FailOn) -> "pyvips.Image":
    """Shrink on load and turn upright.

    ``thumbnail_buffer`` ignores its own ``fail_on`` argument (libvips issue 5195), so the loader is
    told by its options.
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

    For AVIF and HEIC nothing is lost by it, and ``thumbnail_buffer`` would take a preview out of the
    file for the picture. A profile that the file does not embed can only be given to pixels.
    """
    if header.codec == "hevc":
        opened = hevc_pixels(data)
    else:
        opened = pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on=fail_on)
    return read_by(header, opened).thumbnail_image(
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
