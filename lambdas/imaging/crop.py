"""Fit pixels to a variant: shrink, then cut to its aspect ratio; of an animation, every frame alike."""

from lambdas.core.settings.pictures import Crop
from lambdas.imaging.engine import pyvips
from lambdas.imaging.frames import each_frame, frame_height
from lambdas.imaging.geometry import Size


def shrink(image: "pyvips.Image", size: Size) -> "pyvips.Image":
    """Return ``image`` at exactly ``size`` pixels, alpha weighing its colours."""
    if (image.width, frame_height(image)) == (size.width, size.height):
        return image
    return image.thumbnail_image(size.width, height=size.height, size="force", no_rotate=True)


def crop(image: "pyvips.Image", size: Size, strategy: Crop) -> "pyvips.Image":
    """Cut ``size`` pixels out of ``image``: around what draws the eye in its first frame, or the centre."""
    if (image.width, frame_height(image)) == (size.width, size.height):
        return image
    if frame_height(image) == image.height:
        return image.smartcrop(size.width, size.height, interesting=strategy)
    first = image.crop(0, 0, image.width, frame_height(image))
    window = first.smartcrop(size.width, size.height, interesting=strategy)
    left, top = -window.xoffset, -window.yoffset
    return each_frame(image, lambda frame: frame.crop(left, top, size.width, size.height))
