"""Dunes: a height field seen in perspective, under raking light that draws every ripple and casts true shadows."""

from dataclasses import dataclass

import numpy as np

from operations.calibration.scenes.noise import Field, blur, fractal, mix, sample

_SIDE = 1400  # samples along the edge of the height field
_REACH = 30.0  # what that edge measures, in the unit of all distances here: a dune is about 1.5 high
_NEAREST, _FARTHEST = 2.4, 29.0
_EYE = 2.35
_HORIZON = 0.33
_SPREAD = 1.1
_SUN = np.array([-0.88, 0.34, 0.30], np.float32)  # across, up, away


@dataclass(frozen=True)
class _Ground:
    """The sand, sampled on a square: rows lead away from the viewer. Heights, their slopes, and shadow (0 to 1)."""

    height: Field
    slope_across: Field
    slope_away: Field
    shadow: Field


def _ground(rng: np.random.Generator) -> _Ground:
    """Raise dunes with long winding crests, gentle to windward and steep to lee, and cast their shadows."""
    warp = fractal(rng, _SIDE, _SIDE, cells=(4, 3), octaves=4, gain=0.36)
    v = np.linspace(0, 1, _SIDE, dtype=np.float32)[:, None]
    u = np.linspace(0, 1, _SIDE, dtype=np.float32)[None, :]
    phase = (6.0 * u + 2.6 * v + 0.42 * warp + 0.1) % 1.0
    lee = 0.33
    crest = np.where(phase < 1 - lee, (phase / (1 - lee)) ** 1.25, ((1 - phase) / lee) ** 1.1)
    size = 0.80 + 0.55 * np.tanh(0.6 * fractal(rng, _SIDE, _SIDE, cells=(5, 4), octaves=3))
    height = blur((1.55 * crest * size).astype(np.float32), 1.6)
    step = _REACH / _SIDE
    slope_away, slope_across = (np.asarray(slope) for slope in np.gradient(height, step))
    drop = np.arange(_SIDE, dtype=np.float32)[None, :] * step * (_SUN[1] / abs(_SUN[0]))
    overhead = np.maximum.accumulate(height + drop, axis=1) - height - drop
    return _Ground(height, slope_across, slope_away, blur(np.clip(overhead / 0.05, 0, 1), 1.0))


def _position(x: Field, z: Field) -> tuple[Field, Field]:
    """Return the row and column of the ground at ``x`` to the right and ``z`` away."""
    return z / _REACH * (_SIDE - 1), (0.5 + x / _REACH) * (_SIDE - 1)


def _first_hit(ground: _Ground, distance: Field, view: Field, rows: int) -> Field:
    """Return for each pixel the index of the nearest slice of ground that it sees; ``len(distance)`` is sky."""
    slices, columns = len(distance), len(view)
    seen = sample(ground.height, *_position(view[None, :] * distance[:, None], distance[:, None]))
    top = rows * (_HORIZON + (_EYE - seen) / distance[:, None] / _SPREAD)
    top = np.clip(np.ceil(np.minimum.accumulate(top, axis=0)), 0, rows).astype(np.int32)
    first = np.full((rows + 1, columns), slices, np.int32)
    far_to_near = np.arange(slices - 1, -1, -1, dtype=np.int32)
    first[top[far_to_near], np.arange(columns)[None, :]] = far_to_near[:, None]
    return np.minimum.accumulate(first, axis=0)[:rows]


def render(height: int, width: int, rng: np.random.Generator) -> Field:
    """Render linear light (rows, columns, 3)."""
    ground = _ground(rng)
    view = np.linspace(-0.5, 0.5, width, dtype=np.float32) * (width / height) * _SPREAD
    distance = _NEAREST * (_FARTHEST / _NEAREST) ** np.linspace(0, 1, 2000, dtype=np.float32)
    first = _first_hit(ground, distance, view, height)
    sand = first < len(distance)
    z = distance[np.minimum(first, len(distance) - 1)]
    x = view[None, :] * z
    surface = np.stack([ground.slope_across, ground.slope_away, ground.shadow], axis=-1)
    across, away, shadow = np.moveaxis(sample(surface, *_position(x, z)), -1, 0)
    wind = fractal(rng, 512, 512, cells=(14, 14), octaves=3)
    wander = sample(wind, z / _REACH * 511, (0.5 + x / _REACH) * 511)
    ripple = np.cos(2 * np.pi * (x * 5.5 + z * 2.2 + 0.55 * wander)) * 0.15 * np.clip(1.5 - z / 7, 0, 1)
    across, away = across + ripple, away + 0.4 * ripple
    sun = _SUN / np.linalg.norm(_SUN)
    upright = 1 / np.sqrt(across**2 + away**2 + 1)
    lit = np.clip((sun[1] - across * sun[0] - away * sun[2]) * upright, 0, 1) * (1 - 0.97 * shadow)
    light = lit[..., None] * np.array([2.1, 1.36, 0.78], np.float32)
    light += (0.4 + 0.6 * upright)[..., None] * np.array([0.085, 0.105, 0.17], np.float32)
    grains = 1 + 0.07 * rng.standard_normal((height, width), dtype=np.float32)
    picture = np.array([0.80, 0.43, 0.20], np.float32) * light * grains[..., None]

    up = np.clip(1 - np.linspace(0, 1, height, dtype=np.float32) / _HORIZON, 0, 1)[:, None, None] ** 0.6
    sky = mix(np.array([0.74, 0.54, 0.40], np.float32), np.array([0.025, 0.12, 0.36], np.float32), up)
    haze = 0.62 * np.clip((z - 5) / _FARTHEST, 0, 1) ** 0.9
    picture = mix(picture, np.array([0.74, 0.52, 0.40], np.float32), haze[..., None])
    return np.where(sand[..., None], picture, sky).astype(np.float32)
