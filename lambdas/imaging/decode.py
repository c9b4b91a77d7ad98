"""From an original's bytes to upright sRGB pixels in memory, shrunk while loading."""

from lambdas.imaging.colour import loading_options, to_srgb
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.engine import pyvips
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import Header, reason
from lambdas.imaging.rejection import RejectedError

_OPAQUE = 255


def decode(data: bytes, header: Header, size: Size, deadline: Deadline) -> "pyvips.Image":
    """Decode ``data`` at exactly ``size`` pixels: upright, 8-bit sRGB, alpha only where something shows through.

    Raises:
        RejectedError: ``corrupt`` (truncated files too) or ``decode_timeout``.
    """
    try:
        shrunk = _load_shrunk(data, header, size)
        return _without_opaque_alpha(deadline.compute(to_srgb(shrunk)))
    except pyvips.Error as error:
        raise RejectedError("corrupt", f"expected pixels but received: {reason(error)}") from error


def _load_shrunk(data: bytes, header: Header, size: Size) -> "pyvips.Image":
    """Shrink on load and turn upright.

    ``thumbnail_buffer`` ignores its own ``fail_on`` argument (libvips issue 5195), so the loader is
    told by its options. ``error`` refuses truncation and damage and lets mere warnings pass, which
    sound photographs of some phones cause.
    """
    return pyvips.Image.thumbnail_buffer(
        data,
        size.width,
        height=size.height,
        size="force",
        option_string="[fail_on=error]",
        **loading_options(header),
    )


def _without_opaque_alpha(image: "pyvips.Image") -> "pyvips.Image":
    if image.hasalpha() and image[-1].min() == _OPAQUE:
        return image[:-1]
    return image
