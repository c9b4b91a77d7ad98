"""An animation as libvips holds it: frames of one height below each other, and what is done to each."""

from collections.abc import Callable

from lambdas.core.settings import Settings
from lambdas.imaging.engine import pyvips
from lambdas.imaging.inspect import Header
from lambdas.imaging.limits import check_animation


def kept_frames(header: Header, settings: Settings) -> int:
    """Return how many frames WebP derivatives of a picture such as ``header`` says have, by the policy.

    Raises:
        RejectedError: ``too_many_pixels``: an animation is kept whole, or refused.
    """
    if not header.moving or settings.rendering.animated == "first_frame":
        return 1
    check_animation(header.size.width, header.size.height, header.pages, settings.limits)
    return header.pages


def frame_height(image: "pyvips.Image") -> int:
    """Return the height of one frame in pixels; that of ``image`` if it does not move."""
    return int(image.get_page_height())


def each_frame(image: "pyvips.Image", change: Callable[["pyvips.Image"], "pyvips.Image"]) -> "pyvips.Image":
    """Return ``image`` with ``change`` made to every frame, its delays and loops kept."""
    height = frame_height(image)
    if height == image.height:
        return change(image)
    frames = [change(image.crop(0, top, image.width, height)) for top in range(0, image.height, height)]
    joined = pyvips.Image.arrayjoin(frames, across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
    return joined
