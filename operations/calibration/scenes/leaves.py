"""A wall of leaves: hundreds of them overlapping, veined and lit from above, detail down to the pixel."""

from dataclasses import dataclass

import numpy as np

from operations.calibration.scenes.noise import Field, blur, fractal

_SHAPES = 12
_LAYERS = 4
_GREENS = np.array([(0.085, 0.19, 0.030), (0.14, 0.27, 0.045), (0.24, 0.35, 0.06), (0.055, 0.13, 0.04)], np.float32)
_AUTUMN = np.array([(0.50, 0.085, 0.02), (0.66, 0.27, 0.03), (0.36, 0.035, 0.025)], np.float32)


@dataclass(frozen=True)
class _Leaf:
    """``colour`` is multiplied by the leaf's pigment, ``gloss`` added; ``keep`` remains of what lies below (0 to 1)."""

    colour: Field
    gloss: Field
    keep: Field


def _leaf(rng: np.random.Generator, length: int) -> _Leaf:
    """Draw a leaf ``length`` pixels long, at a random angle, with the shadow that it casts."""
    angle = rng.uniform(0, 2 * np.pi)
    reach = int(length * 0.56)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32) / length
    along = x * np.cos(angle) + y * np.sin(angle)
    across = -x * np.sin(angle) + y * np.cos(angle) + rng.normal(0, 0.12) * (along**2 - 0.1)
    t = np.clip(along + 0.5, 0, 1)
    broad = rng.uniform(0.23, 0.31)
    half = broad * np.sin(np.pi * t**0.72) ** 0.85 * (1 - 0.35 * t) * (1 + 0.022 * np.cos(2 * np.pi * t * 21))
    cover = np.clip((half - np.abs(across)) * length / 1.3, 0, 1) * (np.abs(along) < 0.5)

    side = np.abs(across)
    rib = (t - 0.33 * side / broad) * 10
    off = np.abs(rib - np.round(rib)) / 10
    veins = np.maximum(0.5 * np.exp(-((off / 0.006) ** 2)), np.exp(-((across / (0.014 - 0.006 * t)) ** 2)))
    blade = np.clip(side / broad * 2, 0, 1)
    tilt = (
        np.sign(across) * rng.uniform(0.10, 0.26) * np.clip(side / 0.04, 0, 1) + 0.09 * np.cos(2 * np.pi * rib) * blade
    )
    light = 0.62 + tilt * np.cos(angle + 0.6) + across * rng.normal(0, 0.8) + (t - 0.5) * rng.normal(0, 0.4)
    light = np.clip(light, 0.06, 1.35) + 0.45 * veins
    gloss = 0.16 * np.clip(light - 0.72, 0, 1) ** 1.4 + 0.012 * veins

    shadow = blur(np.roll(cover, (int(length * 0.045), int(length * 0.03)), axis=(0, 1)), length * 0.030)
    keep = (1 - cover) * (1 - 0.62 * shadow)
    rows, columns = np.flatnonzero(keep.min(axis=1) < 0.995), np.flatnonzero(keep.min(axis=0) < 0.995)
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _Leaf((cover * light)[box].astype(np.float32), (cover * gloss)[box].astype(np.float32), keep[box])


def _lay(picture: Field, leaf: _Leaf, row: int, column: int, pigment: Field, shine: float) -> None:
    """Lay ``leaf`` upon ``picture`` (3, rows, columns) with its upper left corner at ``row``, ``column``."""
    height, width = leaf.keep.shape
    rows = slice(max(0, row), min(picture.shape[1], row + height))
    columns = slice(max(0, column), min(picture.shape[2], column + width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    part = np.s_[rows.start - row : rows.stop - row, columns.start - column : columns.stop - column]
    keep, colour, gloss = leaf.keep[part], leaf.colour[part], leaf.gloss[part] * shine
    for band, tint in zip(picture, pigment, strict=True):
        band[rows, columns] = band[rows, columns] * keep + colour * tint + gloss


def render(height: int, width: int, rng: np.random.Generator) -> Field:
    """Render linear light (rows, columns, 3)."""
    picture = np.full((3, height, width), 0.004, np.float32)
    for layer in range(_LAYERS):
        near = layer / (_LAYERS - 1)
        size = min(height, width) * (0.16 + 0.07 * near)
        shapes = [_leaf(rng, max(8, int(size * rng.uniform(0.75, 1.2)))) for _ in range(_SHAPES)]
        for _ in range(int(height * width / size**2 * (5.0 - 2.2 * near))):
            leaf = shapes[rng.integers(_SHAPES)]
            row = int(rng.uniform(-0.05, 1.05) * height) - leaf.keep.shape[0] // 2
            column = int(rng.uniform(-0.05, 1.05) * width) - leaf.keep.shape[1] // 2
            turned = rng.uniform() < 0.05 + 0.03 * near
            pigment = _AUTUMN[rng.integers(3)] if turned else _GREENS[rng.integers(4)] * rng.uniform(0.7, 1.35)
            _lay(picture, leaf, row, column, pigment * (0.28 + 0.97 * near), 0.3 + 0.7 * near)
    sun = np.clip(0.66 + 0.40 * fractal(rng, height, width, cells=(3, 3), octaves=3), 0.16, 1.6)
    return np.moveaxis(picture * sun * 1.75, 0, -1)
