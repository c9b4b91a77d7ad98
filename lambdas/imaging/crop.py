"""Fit pixels to a variant: shrink, then cut to its aspect ratio."""

from lambdas.imaging.engine import pyvips
from lambdas.imaging.geometry import Size
from lambdas.picture_settings import Crop


def shrink(image: "pyvips.Image", size: Size) -> "pyvips.Image":
    """Return ``image`` at exactly ``size`` pixels, alpha weighing its colours."""
    if (image.width, image.height) == (size.width, size.height):
        return image
    return image.thumbnail_image(size.width, height=size.height, size="force", no_rotate=True)


def crop(image: "pyvips.Image", size: Size, strategy: Crop) -> "pyvips.Image":
    """Cut ``size`` pixels out of ``image``: around what draws the eye, or the centre."""
    if (image.width, image.height) == (size.width, size.height):
        return image
    return image.smartcrop(size.width, size.height, interesting=strategy)
