"""What can be shown of a picture before it has arrived: its dominant colour and a blurred placeholder."""

import base64
from collections import Counter
from dataclasses import dataclass

from lambdas.imaging.engine import pyvips
from lambdas.imaging.thumbhash import thumbhash

_LONGEST_SIDE = 64  # pixels: twice what the placeholder's finest waves need
_OPAQUE = 255
_BIN_BITS = 5  # colours that differ in less than 32 of 256 steps count as one


@dataclass(frozen=True, slots=True)
class Glance:
    """A picture at a glance."""

    dominant_color: str | None
    """``#rrggbb``, sRGB; None if every pixel is transparent."""
    thumbhash: str
    """ThumbHash in base64."""


def glance(image: "pyvips.Image") -> Glance:
    """Look at ``image``, 8-bit sRGB with or without alpha, of any size."""
    factor = min(1.0, _LONGEST_SIDE / max(image.width, image.height))
    width, height = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    small = image.thumbnail_image(width, height=height, size="force", no_rotate=True)
    rgba = bytes((small if small.hasalpha() else small.bandjoin(_OPAQUE)).write_to_memory())
    return Glance(_dominant(rgba), base64.b64encode(thumbhash(width, height, rgba)).decode("ascii"))


def _dominant(rgba: bytes) -> str | None:
    """Return the mean of the most frequent colours that look alike, transparent pixels not counted."""
    weights: Counter[tuple[int, int, int]] = Counter()
    for red, green, blue, alpha in zip(rgba[0::4], rgba[1::4], rgba[2::4], rgba[3::4], strict=True):
        weights[red, green, blue] += alpha
    bins: Counter[tuple[int, ...]] = Counter()
    for colour, weight in weights.items():
        bins[tuple(value >> _BIN_BITS for value in colour)] += weight
    largest, total = bins.most_common(1)[0]
    if not total:
        return None
    alike = {
        colour: weight for colour, weight in weights.items() if tuple(value >> _BIN_BITS for value in colour) == largest
    }
    mean = (round(sum(colour[band] * weight for colour, weight in alike.items()) / total) for band in range(3))
    return "#" + bytes(mean).hex()
