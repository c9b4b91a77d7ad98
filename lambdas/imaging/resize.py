"""Fit pixels to a variant: shrink, then crop to its aspect ratio; all frames of an animation alike.

libvips holds an animation as frames of one height, one below the other.
"""

from collections.abc import Callable, Sequence

from lambdas.core.settings.pictures import Crop
from lambdas.imaging.engine import pyvips
from lambdas.imaging.geometry import Focus, Size, crop_corner


def shrink(image: "pyvips.Image", size: Size) -> "pyvips.Image":
    """Return ``image`` at exactly ``size`` pixels, its colours weighted by alpha."""
    if (image.width, _frame_height(image)) == (size.width, size.height):
        return image
    return image.thumbnail_image(size.width, height=size.height, size="force", no_rotate=True)


def crop(image: "pyvips.Image", size: Size, strategy: Crop, focus: Focus | None = None) -> "pyvips.Image":
    """Crop ``image`` to ``size`` around ``focus``; without one, as ``strategy`` finds best for its first frame."""
    if (image.width, _frame_height(image)) == (size.width, size.height):
        return image
    if focus is not None:
        corner = crop_corner(Size(image.width, _frame_height(image)), size, focus)
        return each_frame(image, lambda frame: frame.crop(*corner, size.width, size.height))
    if _frame_height(image) == image.height:
        return image.smartcrop(size.width, size.height, interesting=strategy)
    first = image.crop(0, 0, image.width, _frame_height(image))
    window = first.smartcrop(size.width, size.height, interesting=strategy)
    left, top = -window.xoffset, -window.yoffset
    return each_frame(image, lambda frame: frame.crop(left, top, size.width, size.height))


def each_frame(image: "pyvips.Image", change: Callable[["pyvips.Image"], "pyvips.Image"]) -> "pyvips.Image":
    """Return ``image`` with ``change`` applied to every frame; delays and loops are kept."""
    height = _frame_height(image)
    if height == image.height:
        return change(image)
    return join_frames([change(image.crop(0, top, image.width, height)) for top in range(0, image.height, height)])


def join_frames(frames: "Sequence[pyvips.Image]") -> "pyvips.Image":
    """Return ``frames`` as one animation, with the delays and loops of the first one."""
    joined = pyvips.Image.arrayjoin(list(frames), across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
    return joined


def is_moving(image: "pyvips.Image") -> bool:
    """Return whether ``image`` has several frames."""
    return _frame_height(image) < int(image.height)


def _frame_height(image: "pyvips.Image") -> int:
    return int(image.get_page_height())
