"""Colours to 8-bit sRGB: by the embedded profile if there is one, by libvips' own arithmetic if not."""

from lambdas.imaging.engine import pyvips
from lambdas.imaging.inspect import Header
from lambdas.imaging.srgb import is_srgb

_COLOURS = 3


def loading_options(header: Header) -> dict[str, str]:
    """Return what ``thumbnail`` must be told to convert a picture such as ``header`` says.

    A picture with a profile is converted by it, unless it is sRGB's own. Without one, ``thumbnail``
    has its own arithmetic (and a stand-in profile for CMYK); sending such a picture through profiles
    all the same takes six times as long as decoding it.
    """
    if header.profile is None or _in_srgb(header):
        return {}
    return {"output_profile": "srgb"}


def _in_srgb(header: Header) -> bool:
    # What the code points say goes before the profile, and a profile of other than three bands is no matter for them.
    embedded = header.embedded if header.coded is None and header.color_space == "srgb" else None
    return embedded is not None and is_srgb(embedded)


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
