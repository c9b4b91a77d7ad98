"""Small copies of pictures for comparison, read apart from the pipeline's own decoder."""

from typing import Any

import numpy as np
import pi_heif

from lambdas.imaging.engine import pyvips
from lambdas.imaging.formats import SNIFF_BYTES, sniff

Error = pyvips.Error
_WHITE = 255


def shrink(data: bytes, side: int, *, square: bool, turn: bool, managed: bool) -> "pyvips.Image":
    """Return the picture in ``data`` within ``side`` pixels: 8-bit sRGB or grey, on white.

    ``square`` distorts it to ``side`` by ``side``; ``turn`` obeys its orientation, ``managed`` its colour profile.

    Raises:
        Error: it is no picture that can be read.
    """
    options: dict[str, Any] = {"height": side, "size": "force" if square else "down", "no_rotate": not turn}
    if managed:
        options["output_profile"] = "srgb"
    if sniff(data[:SNIFF_BYTES]) == "heic":
        small = _heic(data).thumbnail_image(side, **options)
    else:
        small = pyvips.Image.thumbnail_buffer(data, side, **options)
    if small.hasalpha():
        small = small.flatten(background=_WHITE)
    if small.interpretation not in ("srgb", "b-w"):
        small = small.colourspace("srgb")
    return small.cast("uchar")


def _heic(data: bytes) -> "pyvips.Image":
    """Decode what libvips's wheel has no HEVC decoder for; the file's own boxes have turned it already."""
    try:
        picture = pi_heif.open_heif(data, convert_hdr_to_8bit=True)
        # A copy, for the pixels that pi_heif lends are gone when the picture is.
        image = pyvips.Image.new_from_array(np.array(picture)).copy(interpretation="srgb")
    except (ValueError, EOFError, RuntimeError) as error:
        raise Error(f"expected a HEIC picture but received: {error}") from error
    if profile := picture.info.get("icc_profile"):
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image
