"""How good a derivative looks beside its original: SSIMULACRA2, by its Python port.

Scores below 0 are ruins; 50 is medium quality, 70 high, 90 not to be told from the original; 100 is equal.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ssimulacra2 import ssimulacra2 as port

from lambdas.imaging.engine import pyvips

Pixels = NDArray[np.uint8]
"""Rows × columns × red, green, blue."""

_Plane = NDArray[np.float64]
_SMALLEST_SIDE = 8  # the metric stops at scales smaller than this


@dataclass(frozen=True, slots=True)
class _Scale:
    picture: _Plane
    mean: _Plane
    mean_square: _Plane


class Reference:
    """A picture that others are held against; its own half of the metric is computed once for all of them.

    It is the port's own arithmetic in another order: half of it never touches the distorted picture.
    """

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels

    @cached_property
    def _scales(self) -> list[_Scale]:
        return [
            _Scale(picture, port.blur_image(picture), port.blur_image(picture * picture))
            for picture in _pyramid(self.pixels)
        ]

    def ssimulacra2(self, received: Pixels) -> float:
        """Return how much ``received`` looks like this picture, 100 at most; half a second a megapixel.

        Raises:
            ValueError: they differ in size.
        """
        if self.pixels.shape != received.shape:
            raise ValueError(f"expected pixels of shape {self.pixels.shape} but received {received.shape}")
        metric = port.Msssim()
        metric.scales = [_compared(mine, theirs) for mine, theirs in zip(self._scales, _pyramid(received), strict=True)]
        return float(metric.score())


def decoded(data: bytes) -> Pixels:
    """Return the pixels of a derivative, as a browser would show them on an opaque page."""
    image = pyvips.Image.new_from_buffer(data, "")
    pixels: Pixels = (image.flatten(background=255) if image.hasalpha() else image).numpy()
    return pixels


def _pyramid(pixels: Pixels) -> list[_Plane]:
    """Return the picture at every scale that the metric looks at, in its colour space."""
    scales: list[_Plane] = []
    linear = port.srgb_to_linear(pixels)
    while True:
        # The port's conversion turns rows into columns; so do its own comparisons.
        picture = port.make_positive_xyb(port.linear_rgb_to_xyb(linear))
        if min(picture.shape[:2]) < _SMALLEST_SIDE:
            return scales
        scales.append(picture)
        if len(scales) == port.kNumScales:
            return scales
        linear = port.downsample(linear, 2, 2)


def _compared(mine: _Scale, theirs: _Plane) -> Any:
    mean = port.blur_image(theirs)
    mean_square, product = port.blur_image(theirs * theirs), port.blur_image(mine.picture * theirs)
    scale = port.MsssimScale()
    scale.avg_ssim = port.ssim_map(mine.mean, mean, mine.mean_square, mean_square, product)
    scale.avg_edgediff = port.edge_diff_map(mine.picture, mine.mean, theirs, mean)
    return scale
