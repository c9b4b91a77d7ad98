"""Smooth random fields, the raw material of fog, waves, sand and stone."""

from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]


def enlarge(field: Field, height: int, width: int, kernel: str = "cubic") -> Field:
    """Resample ``field`` (rows, columns[, bands]) to ``height`` by ``width``."""
    image = pyvips.Image.new_from_array(np.ascontiguousarray(field, dtype=np.float32))
    resized = image.resize(width / image.width, vscale=height / image.height, kernel=kernel)
    out: Field = np.asarray(resized.numpy(), dtype=np.float32)
    if out.shape[:2] != (height, width):
        raise ValueError(f"expected {height}x{width} from a resize but received {out.shape[0]}x{out.shape[1]}")
    return out


def sample(field: Field, rows: Field, columns: Field) -> Field:
    """Read ``field`` (rows, columns[, bands]) between its samples, at fractional ``rows`` and ``columns``, clipped."""
    across = np.clip(columns, 0, field.shape[1] - 1.001)
    down = np.clip(rows, 0, field.shape[0] - 1.001)
    across, down = np.broadcast_arrays(across, down)
    index = np.ascontiguousarray(np.stack([across, down], axis=-1), dtype=np.float32)
    source = pyvips.Image.new_from_array(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(source.mapim(pyvips.Image.new_from_array(index), extend="copy").numpy(), dtype=np.float32)


def blur(field: Field, sigma: float) -> Field:
    """Blur ``field`` with a Gaussian of ``sigma`` pixels; beyond 6 pixels on a shrunken copy, which looks the same."""
    height, width = field.shape[:2]
    shrink = max(1, int(sigma / 3))
    if shrink > 1:
        small = enlarge(field, max(4, height // shrink), max(4, width // shrink), kernel="linear")
        return enlarge(blur(small, sigma / shrink), height, width)
    image = pyvips.Image.new_from_array(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(image.gaussblur(sigma, precision="approximate" if sigma > 4 else "float").numpy(), np.float32)


def fractal(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    cells: tuple[float, float],
    octaves: int,
    gain: float = 0.5,
) -> Field:
    """Make fractal noise: ``octaves`` layers, each twice as fine and ``gain`` times as strong as the one before.

    ``cells`` are the coarsest layer's bumps down and across the field. Mean 0, standard deviation 1.
    """
    down, across = cells
    total = rng.standard_normal((max(3, round(down) + 1), max(3, round(across) + 1)), dtype=np.float32)
    strength = 1.0
    for _ in range(octaves - 1):
        rows, columns = total.shape[0] * 2, total.shape[1] * 2
        if rows > height or columns > width:
            break
        strength *= gain
        total = enlarge(total, rows, columns)
        total += strength * rng.standard_normal((rows, columns), dtype=np.float32)
    total = enlarge(total, height, width)
    total -= total.mean()
    return total / max(float(total.std()), 1e-6)


def line(rng: np.random.Generator, length: int, *, cells: float, octaves: int, gain: float = 0.5) -> Field:
    """Make fractal noise along a line of ``length`` samples. Mean 0, standard deviation 1."""
    positions = np.linspace(0, 1, length, dtype=np.float32)
    total = np.zeros(length, np.float32)
    for octave in range(octaves):
        knots = round(cells * 2**octave) + 3
        if knots > length:
            break
        x = positions * (knots - 3) + 1
        left = np.floor(x).astype(int)
        t = x - left
        t = t * t * (3 - 2 * t)
        values = rng.standard_normal(knots + 1).astype(np.float32)
        total += gain**octave * ((1 - t) * values[left] + t * values[left + 1])
    total -= total.mean()
    return total / max(float(total.std()), 1e-6)


def mix(start: Field, end: Field, amount: Field) -> Field:
    """Blend ``start`` into ``end`` by ``amount`` (0 to 1), clipped."""
    weight = np.clip(amount, 0, 1).astype(np.float32)
    return start + (end - start) * weight


def ramp(position: Field, stops: list[tuple[float, tuple[float, float, float]]]) -> Field:
    """Colour ``position`` by linear interpolation between ``stops`` (position, linear red, green, blue)."""
    at = [stop for stop, _ in stops]
    bands = [np.interp(position, at, [colour[band] for _, colour in stops]) for band in range(3)]
    return np.stack(bands, axis=-1).astype(np.float32)
