"""What is shown before a picture has loaded: its dominant colour, and a ThumbHash for a blurred placeholder.

ThumbHash is about 25 bytes. Source: the published algorithm and its reference implementation,
https://evanw.github.io/thumbhash/. The transform is separable, so rows are summed first; the bytes are the reference's.
"""

import base64
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from lambdas.imaging.engine import pyvips

LONGEST_SIDE = 100  # pixels that can be hashed, by the algorithm's definition
_HASHED_SIDE = 64  # pixels of the longer side: twice what the placeholder's highest frequencies need
_OPAQUE = 255
_VISIBLE = 8  # of 255: what is fainter is not seen, and its colour is mostly rounding
_BIN_BITS = 5  # colours that differ by less than 32 of 256 steps count as one
_NOISE = 1e-9  # rounding errors in the frequencies of a flat colour; the reference amplifies them

Plane = list[list[float]]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What is shown in place of a picture until it has loaded."""

    dominant_color: str | None
    """``#rrggbb``, sRGB; None if every pixel is transparent, or as good as."""
    thumbhash: str
    """ThumbHash in base64."""


@dataclass(frozen=True, slots=True)
class _Channel:
    """The cosine transform of a plane: its mean, and its other low frequencies from 0 to 1, in units of ``scale``."""

    mean: float
    frequencies: list[float]
    scale: float


def placeholder(image: "pyvips.Image") -> Placeholder:
    """Return the placeholder of ``image``, 8-bit sRGB with or without alpha, of any size."""
    factor = min(1.0, _HASHED_SIDE / max(image.width, image.height))
    width, height = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    small = image.thumbnail_image(width, height=height, size="force", no_rotate=True)
    rgba = bytes((small if small.hasalpha() else small.bandjoin(_OPAQUE)).write_to_memory())
    return Placeholder(_dominant(rgba), base64.b64encode(thumbhash(width, height, rgba)).decode("ascii"))


def _dominant(rgba: bytes) -> str | None:
    """Return the colour next to the mean of the most frequent bin of similar ones, weighted by alpha.

    The mean itself may be a colour that is nowhere in the picture.
    """
    weights: Counter[tuple[int, int, int]] = Counter()
    for red, green, blue, alpha in zip(rgba[0::4], rgba[1::4], rgba[2::4], rgba[3::4], strict=True):
        if alpha >= _VISIBLE:
            weights[red, green, blue] += alpha
    if not weights:
        return None
    bins: Counter[tuple[int, ...]] = Counter()
    for colour, weight in weights.items():
        bins[tuple(value >> _BIN_BITS for value in colour)] += weight
    largest, total = bins.most_common(1)[0]
    alike = {
        colour: weight for colour, weight in weights.items() if tuple(value >> _BIN_BITS for value in colour) == largest
    }
    mean = [sum(colour[band] * weight for colour, weight in alike.items()) / total for band in range(3)]
    return "#" + bytes(min(sorted(alike), key=lambda colour: math.dist(colour, mean))).hex()


def thumbhash(width: int, height: int, rgba: bytes) -> bytes:
    """Return the ThumbHash of ``width`` × ``height`` pixels of red, green, blue and alpha, one byte each.

    Raises:
        ValueError: a side is outside 1 to ``LONGEST_SIDE`` pixels, or there are too few or too many bytes.
    """
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE) or len(rgba) != width * height * 4:
        raise ValueError(
            f"expected {width} × {height} pixels of 4 bytes, at most {LONGEST_SIDE} a side,"
            f" but received {len(rgba)} bytes"
        )
    light, yellow_blue, red_green, alpha = _planes(width, height, rgba)
    translucent = min(rgba[3::4]) < _OPAQUE
    longest = max(width, height)
    most = 5 if translucent else 7
    across, down = (max(1, _rounded(most * side / longest)) for side in (width, height))
    channels = [
        _transformed(light, max(3, across), max(3, down)),
        _transformed(yellow_blue, 3, 3),
        _transformed(red_green, 3, 3),
    ]
    if translucent:
        channels.append(_transformed(alpha, 5, 5))
    landscape = width > height
    return _packed(channels, down if landscape else across, landscape=landscape)


def _planes(width: int, height: int, rgba: bytes) -> tuple[Plane, Plane, Plane, Plane]:
    """Split pixels, flattened on their mean colour, into lightness, yellow–blue, red–green and alpha."""
    red, green, blue = rgba[0::4], rgba[1::4], rgba[2::4]
    shares = [value / _OPAQUE for value in rgba[3::4]]
    weight = sum(shares)
    means = [sum(map(mul, shares, band)) / _OPAQUE / (weight or 1) for band in (red, green, blue)]
    laid = [
        [mean * (1 - share) + share * value / _OPAQUE for share, value in zip(shares, band, strict=True)]
        for mean, band in zip(means, (red, green, blue), strict=True)
    ]
    colours = list(zip(*laid, strict=True))
    planes = (
        [(r + g + b) / 3 for r, g, b in colours],
        [(r + g) / 2 - b for r, g, b in colours],
        [r - g for r, g, _ in colours],
        shares,
    )
    light, yellow_blue, red_green, alpha = (
        [plane[row * width : (row + 1) * width] for row in range(height)] for plane in planes
    )
    return light, yellow_blue, red_green, alpha


def _transformed(plane: Plane, across: int, down: int) -> _Channel:
    """Return the frequencies of the triangle below the diagonal of ``across`` × ``down``."""
    width, height = len(plane[0]), len(plane)
    summed = [[sum(map(mul, row, wave)) for row in plane] for wave in _waves(across, width)]
    coefficients = [
        sum(map(mul, summed[x], wave)) / (width * height)
        for y, wave in enumerate(_waves(down, height))
        for x in range(across)
        if x * down < across * (down - y)
    ]
    mean, *rest = coefficients
    scale = max((abs(value) for value in rest), default=0.0)
    if scale < _NOISE:
        return _Channel(mean, [0.0] * len(rest), 0.0)
    return _Channel(mean, [0.5 + 0.5 / scale * value for value in rest], scale)


def _waves(count: int, length: int) -> list[list[float]]:
    return [[math.cos(math.pi / length * cycle * (at + 0.5)) for at in range(length)] for cycle in range(count)]


def _packed(channels: Sequence[_Channel], shorter: int, *, landscape: bool) -> bytes:
    light, yellow_blue, red_green, *alpha = channels
    head = (
        _rounded(63 * light.mean)
        | _rounded(31.5 + 31.5 * yellow_blue.mean) << 6
        | _rounded(31.5 + 31.5 * red_green.mean) << 12
        | _rounded(31 * light.scale) << 18
        | bool(alpha) << 23
    )
    shape = shorter | _rounded(63 * yellow_blue.scale) << 3 | _rounded(63 * red_green.scale) << 9 | landscape << 15
    packed = bytearray(head.to_bytes(3, "little") + shape.to_bytes(2, "little"))
    packed.extend(_rounded(15 * each.mean) | _rounded(15 * each.scale) << 4 for each in alpha)
    nibbles = [_rounded(15 * value) for channel in channels for value in channel.frequencies]
    pairs = zip(nibbles[::2], [*nibbles[1::2], 0], strict=False)
    packed.extend(low | high << 4 for low, high in pairs)
    return bytes(packed)


def _rounded(value: float) -> int:
    """Round half up, as the reference does."""
    return math.floor(value + 0.5)
