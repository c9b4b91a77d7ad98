"""The quality of a derivative: SSIMULACRA2, by its Python port, with a cache of scores.

100 is identical, 90 indistinguishable from the original, 70 high quality, 50 medium; below 0 is unusable.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from ssimulacra2 import ssimulacra2 as port

from lambdas.imaging.engine import pyvips

Pixels = NDArray[np.uint8]
"""Rows × columns × red, green, blue."""

CACHE = Path(__file__).resolve().parents[2] / "build" / "calibration" / "measurements"

_Plane = NDArray[np.float64]
_SMALLEST_SIDE = 8  # smaller scales are left out


@dataclass(frozen=True, slots=True)
class _Scale:
    picture: _Plane
    mean: _Plane
    mean_square: _Plane


class Reference:
    """A picture that others are compared with; its half of the metric is computed once for all of them.

    The arithmetic is the port's, in another order: half of it does not depend on the distorted picture.
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
        """Return how similar ``received`` is, 100 at most; takes half a second per megapixel.

        Raises:
            ValueError: the sizes differ.
        """
        if self.pixels.shape != received.shape:
            raise ValueError(f"expected pixels of shape {self.pixels.shape} but received {received.shape}")
        metric = port.Msssim()
        metric.scales = [_compared(mine, theirs) for mine, theirs in zip(self._scales, _pyramid(received), strict=True)]
        return float(metric.score())


def decoded(data: bytes) -> Pixels:
    """Return the pixels of a derivative, on white where they have alpha."""
    image = pyvips.Image.new_from_buffer(data, "")
    pixels: Pixels = (image.flatten(background=255) if image.hasalpha() else image).numpy()
    return pixels


class Cache:
    """Measurements by key, as JSON in an SQLite file that processes can share. A context manager that closes it."""

    def __init__(self, folder: Path = CACHE) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "measurements.sqlite3", timeout=60, isolation_level=None)
        self._database.execute("CREATE TABLE IF NOT EXISTS measurements (key TEXT PRIMARY KEY, value TEXT NOT NULL)")

    def get(self, key: str) -> Any:
        """Return the value of ``key``, or None."""
        row = self._database.execute("SELECT value FROM measurements WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value under ``key``."""
        self._database.execute("INSERT OR REPLACE INTO measurements VALUES (?, ?)", (key, json.dumps(value)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._database.close()


def score(cache: Cache, original: str, rung: int, derivative: bytes, expected: Callable[[], Reference]) -> float:
    """Return the SSIMULACRA2 of ``derivative`` of the picture with digest ``original``, from the cache if possible.

    ``expected`` makes the reference if the score is not cached.
    """
    parts = (original, str(rung), sha256(derivative).hexdigest(), *map(version, ("ssimulacra2", "pillow")))
    key = f"score {sha256(' '.join(parts).encode()).hexdigest()}"
    known: float | None = cache.get(key)
    if known is None:
        known = expected().ssimulacra2(decoded(derivative))
        cache.set(key, known)
    return known


def _pyramid(pixels: Pixels) -> list[_Plane]:
    """Return the picture at every scale of the metric, in its colour space."""
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
