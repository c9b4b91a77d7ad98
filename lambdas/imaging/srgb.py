"""Whether a profile is sRGB: it goes by many names, and most photographs embed one of them."""

from functools import lru_cache
from itertools import product

from lambdas.imaging.engine import pyvips

_LARGEST_PROFILE = 65_536  # bytes; sRGB's take 0.5 to 10 KB, and those that are looked at are held
_LEVELS = (0, 8, 16, 32, 48, 64, 96, 128, 160, 192, 224, 255)
_PATCHES = bytes(value for colour in product(_LEVELS, repeat=3) for value in colour)
_ROUNDING = 1  # of 255 steps


def is_srgb(profile: bytes) -> bool:
    """Tell whether colours of three 8-bit bands stay what they are when they are converted by ``profile``.

    Then the conversion, which takes half as long as the decoding, can be left out.
    """
    return len(profile) <= _LARGEST_PROFILE and _keeps_colours(profile)


@lru_cache(maxsize=16)
def _keeps_colours(profile: bytes) -> bool:
    patches = pyvips.Image.new_from_memory(_PATCHES, len(_LEVELS) ** 3, 1, 3, "uchar").copy(interpretation="srgb")
    tagged = patches.copy()
    tagged.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    try:
        return bool((tagged.icc_transform("srgb", embedded=True) - patches).abs().max() <= _ROUNDING)
    except pyvips.Error:  # whoever draws the picture says what is wrong with it
        return False
