"""Colours to 8-bit sRGB: by the embedded profile if there is one, by libvips' own arithmetic if not."""

from lambdas.imaging.engine import pyvips
from lambdas.imaging.inspect import Header

_COLOURS = 3


def loading_options(header: Header) -> dict[str, str]:
    """Return what ``thumbnail`` must be told to convert a picture such as ``header`` says.

    A picture with a profile is converted by it. Without one, ``thumbnail`` has its own arithmetic
    (and a stand-in profile for CMYK); sending such a picture through profiles all the same takes
    six times as long as decoding it.
    """
    return {"output_profile": "srgb"} if header.profile is not None else {}


def read_by(header: Header, image: "pyvips.Image") -> "pyvips.Image":
    """Give ``image``, freshly decoded, the profile that ``header`` says it is to be read by.

    pi-heif hands pixels on without their profile, libvips knows none that is told by code points.
    """
    icc = header.coded.icc if header.coded else header.embedded
    if icc is None:
        return image
    # A profile made of code points is one of three colours.
    tagged = to_colour(image) if header.coded else image.copy()
    tagged.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    return tagged


def to_colour(image: "pyvips.Image") -> "pyvips.Image":
    """Return greyscale as three equal bands, at the depth that it has."""
    if image.interpretation in ("b-w", "grey16"):
        return image.colourspace("rgb16" if image.interpretation == "grey16" else "srgb")
    return image.copy()


def to_srgb(image: "pyvips.Image") -> "pyvips.Image":
    """Give greyscale, which ``thumbnail`` leaves as it is, the three bands of every other picture."""
    converted = image if image.interpretation == "srgb" else image.colourspace("srgb")
    # A TIFF may carry bands beyond alpha that no viewer shows; which of them were alpha, nothing says.
    return converted[:_COLOURS] if converted.bands > _COLOURS + 1 else converted
