"""Colours to 8-bit sRGB: by the embedded profile if there is one, by libvips' own arithmetic if not."""

from lambdas.imaging.engine import pyvips
from lambdas.imaging.inspect import Header

_COLOURS = 3


def loading_options(header: Header) -> dict[str, str]:
    """Return what ``thumbnail`` must be told to convert a picture such as ``header`` says.

    A picture in a device's own inks or light needs its profile (CMYK without one gets libvips'
    stand-in). Everything else is sRGB already or has exact arithmetic to it; sending it through
    profiles all the same takes six times as long as decoding it.
    """
    device_colours = header.profile is not None or header.color_space == "cmyk"
    return {"output_profile": "srgb"} if device_colours else {}


def to_srgb(image: "pyvips.Image") -> "pyvips.Image":
    """Bring what carried no profile (greyscale, 16 bit, Lab) to the same three or four 8-bit bands."""
    converted = image if image.interpretation == "srgb" else image.colourspace("srgb")
    # A TIFF may carry bands beyond alpha that no viewer shows; which of them were alpha, nothing says.
    return converted[:_COLOURS] if converted.bands > _COLOURS + 1 else converted
