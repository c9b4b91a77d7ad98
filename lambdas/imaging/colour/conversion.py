"""Conversion to 8-bit sRGB: by the embedded profile if there is one, else by libvips' own arithmetic."""

from functools import lru_cache
from itertools import chain, product
from typing import TYPE_CHECKING, Any, Literal

from lambdas.imaging.engine import clear_errors, logged_errors, pyvips

if TYPE_CHECKING:
    from lambdas.imaging.inspect import Header

_LARGEST_PROFILE = 65_536  # bytes that is compared with sRGB; sRGB profiles have 0.5 to 10 KB
_LEVELS = (0, 8, 16, 32, 48, 64, 96, 128, 160, 192, 224, 255)
_PATCHES = bytes(value for colour in product(_LEVELS, repeat=3) for value in colour)
_ROUNDING = 1  # of 255 steps
_THREE_BANDS = ("srgb", "rgb", "rgb16")
_PURE = {  # the most saturated colours of a space: primaries, or inks, and their mixtures
    "srgb": tuple(mix for mix in product((0, 255), repeat=3) if len(set(mix)) > 1),
    "cmyk": tuple((*mix, 0) for mix in product((0, 255), repeat=3) if len(set(mix)) > 1),
}
# ΔE*ab (1976) that a pure colour may lose in sRGB. Those of BT.601, shown on the same displays as sRGB, lose 4; those
# of Display P3, 35.
_GAMUT_TOLERANCE = 10


def loading_options(header: "Header") -> dict[str, str]:
    """Return the options by which ``thumbnail`` converts the colours of a picture with this ``header``.

    A picture with a profile is converted by it, unless that is sRGB. Without one, ``thumbnail`` has its
    own arithmetic (and a fallback profile for CMYK); converting such a picture by profiles would take
    six times as long as decoding it.
    """
    if header.profile is None or _in_srgb(header):
        return {}
    return {"output_profile": "srgb"}


def _in_srgb(header: "Header") -> bool:
    # Code points take precedence over the profile; is_srgb compares profiles of three bands only.
    embedded = header.embedded if header.coded is None and header.color_space == "srgb" else None
    return embedded is not None and is_srgb(embedded)


def is_srgb(profile: bytes) -> bool:
    """Return whether ``profile`` leaves three-band 8-bit colours as they are, under whatever name.

    Then the conversion, which takes half as long as decoding, can be left out.
    """
    return len(profile) <= _LARGEST_PROFILE and _keeps_colours(profile)


@lru_cache(maxsize=16)
def _keeps_colours(profile: bytes) -> bool:
    patches = pyvips.Image.new_from_memory(_PATCHES, len(_LEVELS) ** 3, 1, 3, "uchar").copy(interpretation="srgb")
    tagged = patches.copy()
    tagged.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    try:
        return bool((tagged.icc_transform("srgb", embedded=True) - patches).abs().max() <= _ROUNDING)
    except pyvips.Error:  # drawing the picture reports what is wrong with it
        return False


def is_reduced(header: "Header") -> bool:
    """Return whether the colour space of a picture with this ``header`` has colours that sRGB lacks."""
    if header.coded is not None:
        return _loses_colours(header.coded.icc, "srgb")
    if header.color_space in ("lab", "labs"):
        return True
    if header.color_space == "cmyk":
        return _loses_colours(header.embedded, "cmyk")
    return (
        header.embedded is not None and header.color_space in _THREE_BANDS and _loses_colours(header.embedded, "srgb")
    )


@lru_cache(maxsize=16)
def _loses_colours(profile: bytes | None, space: str) -> bool:
    """Return whether a pure colour differs from what is left of it in sRGB; None is libvips' own profile."""
    pure = _PURE[space]
    patches = pyvips.Image.new_from_memory(bytes(chain(*pure)), len(pure), 1, len(pure[0]), "uchar").copy(
        interpretation=space
    )
    options: dict[str, Any] = {"input_profile": space}
    if profile is not None:
        patches.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
        options = {"embedded": True}
    try:
        left = patches.icc_transform("srgb", **options).icc_import(embedded=True)
        return bool(patches.icc_import(**options).dE76(left).max() > _GAMUT_TOLERANCE)
    except pyvips.Error:  # drawing the picture reports what is wrong with it
        return False


# Bands and samples of the pictures that a profile of that colour space can be applied to.
_SPACES = {
    b"RGB ": {"srgb": (3, "uchar", "srgb"), "rgb": (3, "uchar", "srgb"), "rgb16": (3, "ushort", "rgb16")},
    b"GRAY": {"b-w": (1, "uchar", "b-w"), "grey16": (1, "ushort", "grey16")},
    b"CMYK": {"cmyk": (4, "uchar", "cmyk")},
    b"Lab ": {"lab": (3, "float", "lab"), "labs": (3, "float", "lab")},
}
_CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")  # not links between devices, effects, or named colours


@lru_cache(maxsize=16)
def profile_fault(profile: bytes, color_space: str) -> Literal["damaged", "unsuitable"] | None:
    """Return why ``profile`` cannot convert a picture of ``color_space`` (libvips' name); None if it can.

    Source: ICC.1:2022, 7.2.5 (profile classes), 7.2.6 (colour spaces).
    """
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return "damaged"
    pixels = _SPACES.get(profile[16:20], {}).get(color_space)
    if profile[12:16] not in _CLASSES or pixels is None:
        return "unsuitable"
    bands, samples, interpretation = pixels
    pixel = pyvips.Image.black(1, 1, bands=bands).cast(samples).copy(interpretation=interpretation)
    pixel.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    clear_errors()
    try:
        pixel.icc_import(embedded=True).avg()
    except pyvips.Error:
        return "damaged"
    # libvips warns of a profile that it cannot open, and takes one of its own.
    return "damaged" if "corrupt profile" in logged_errors() else None


def with_profile(header: "Header", image: "pyvips.Image") -> "pyvips.Image":
    """Attach the profile that ``header`` names to ``image``, freshly decoded, or remove one that is ignored.

    pi-heif returns pixels without their profile, and libvips reads no code points.
    """
    icc = header.coded.icc if header.coded else header.embedded
    if icc is None:
        return _without_profile(image) if header.profile_ignored else image
    # A profile made of code points has three colours.
    tagged = _three_bands(image) if header.coded else image.copy()
    tagged.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    return tagged


def _without_profile(image: "pyvips.Image") -> "pyvips.Image":
    bare = image.copy()
    bare.remove("icc-profile-data")
    return bare


def _three_bands(image: "pyvips.Image") -> "pyvips.Image":
    """Return greyscale as three equal bands of the same depth."""
    if image.interpretation in ("b-w", "grey16"):
        return image.colourspace("rgb16" if image.interpretation == "grey16" else "srgb")
    return image.copy()


def to_srgb(image: "pyvips.Image") -> "pyvips.Image":
    """Convert what ``thumbnail`` has left, such as greyscale, to three bands of sRGB."""
    return image if image.interpretation == "srgb" else image.colourspace("srgb")
