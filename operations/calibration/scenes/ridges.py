"""Misty ridges: range behind range of hills, the fog between them lit by a low sun."""

import numpy as np

from operations.calibration.scenes.noise import Field, fractal, line, mix, ramp

_RANGES = 8
_WARM = np.array([1.0, 0.55, 0.22], np.float32)
_SLOPES = [
    (0.0, (0.60, 0.46, 0.40)),
    (0.35, (0.25, 0.27, 0.33)),
    (0.7, (0.062, 0.085, 0.105)),
    (1.0, (0.010, 0.017, 0.019)),
]
_MISTS = [(0.0, (0.98, 0.70, 0.46)), (0.45, (0.66, 0.56, 0.50)), (0.8, (0.36, 0.37, 0.39)), (1.0, (0.10, 0.13, 0.14))]


def _crest(rng: np.random.Generator, width: int, near: float) -> Field:
    """Draw the crest of a range: rows from the top, in fractions of the picture; ``near`` is 0 far away, 1 in front."""
    rolling = line(rng, width, cells=2.2 + 2.5 * (1 - near), octaves=9, gain=0.45)
    peaks = 1 - np.abs(line(rng, width, cells=3.5, octaves=8, gain=0.48))
    crest: Field = 0.37 + 0.50 * near**1.2 - (0.032 + 0.040 * near) * (0.75 * rolling + 0.6 * peaks * (1 - 0.7 * near))
    return crest


def _firs(rng: np.random.Generator, width: int, aspect: float, tall: float) -> Field:
    """Draw the outline of a wood of firs ``tall`` at most: heights above the ground, in fractions of the picture."""
    outline = np.zeros(width, np.float32)
    columns = np.arange(width, dtype=np.float32)
    clumps = line(rng, width, cells=6, octaves=3)
    for _ in range(int(11.0 / tall)):
        centre = rng.uniform(-0.02, 1.02) * width
        size = tall * rng.uniform(0.25, 1.0) * (0.55 + 0.40 * clumps[int(np.clip(centre, 0, width - 1))])
        reach = size * width / aspect * rng.uniform(0.13, 0.18)
        left, right = int(max(0, centre - reach)), int(min(width, centre + reach + 1))
        if left >= right or size <= 0:
            continue
        away = np.abs(columns[left:right] - centre) / reach
        boughs = 0.30 * ((away * rng.uniform(4, 6) + rng.uniform()) % 1) * away**0.6
        np.maximum(outline[left:right], size * np.clip(1.02 - away**0.62 + boughs * 0.8, 0, 1), out=outline[left:right])
    return outline


def render(height: int, width: int, rng: np.random.Generator) -> Field:
    """Render linear light (rows, columns, 3)."""
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(0, width / height, width, dtype=np.float32)[None, :]
    sun_x, sun_y = 0.64 * width / height, 0.30
    away = np.sqrt((x - sun_x) ** 2 + (y - sun_y) ** 2)

    sky = ramp(y[:, 0], [(0.0, (0.05, 0.13, 0.30)), (0.2, (0.22, 0.29, 0.40)), (0.42, (0.92, 0.56, 0.30))])
    picture = np.repeat(sky[:, None, :], width, axis=1)
    clouds = fractal(rng, height, width, cells=(14, 4), octaves=6, gain=0.55)
    wisps = (np.clip(clouds * 0.35 + 0.1, 0, 1) * np.clip(1 - np.abs(y - 0.17) / 0.22, 0, 1))[..., None]
    picture = mix(picture, np.array([1.05, 0.72, 0.55], np.float32), wisps * 0.7)
    warm = np.array([1.0, 0.52, 0.18], np.float32)
    halo = (0.9 * np.exp(-away * 5) + 0.7 * np.exp(-away * 14))[..., None]
    picture += halo * warm
    disc = np.clip((0.026 - away) * height / 1.5, 0, 1)[..., None]
    picture = mix(picture, np.array([7.5, 6.0, 3.6], np.float32), disc)

    drift = fractal(rng, height, width, cells=(5, 4), octaves=5, gain=0.5)
    reach = width // 40
    soft = np.hanning(2 * reach + 1).astype(np.float32)
    soft /= soft.sum()
    nearness = [layer / (_RANGES - 1) for layer in range(_RANGES)]
    grounds = [_crest(rng, width, near) for near in nearness]
    outlines = [
        ground - _firs(rng, width, width / height, 0.010 + 0.115 * ((near - 0.4) / 0.6) ** 2) if near > 0.4 else ground
        for near, ground in zip(nearness, grounds, strict=True)
    ]
    floors = [*(outline.max() for outline in outlines[1:]), 1.0]  # below these rows the next range hides this one
    for near, ground, outline, floor in zip(nearness, grounds, outlines, floors, strict=True):
        rows = slice(max(0, int(outline.min() * height) - 1), int(floor * height) + 2)
        below = y[rows]
        cover = np.clip((below - outline[None, :]) * height + 0.5, 0, 1)
        rolling = np.convolve(np.pad(ground, reach, mode="edge"), soft, "valid")
        depth = np.clip((below - rolling[None, :]) / (0.15 + 0.16 * near), 0, 1)
        scatter = np.exp(-((x - sun_x) ** 2 * 4)) * np.exp(-((below - sun_y) ** 2 * 8))
        thick = depth ** (0.8 + 0.8 * near) * (1.0 - 0.30 * near) + 0.16 * drift[rows] * depth * (0.4 + near)
        np.clip(thick, 0, 1, out=thick)
        body, mist = ramp(np.array([near]), _SLOPES)[0], ramp(np.array([near]), _MISTS)[0]
        for band in range(3):
            hill = body[band] * (1 + 0.9 * (1 - near) * _WARM[band] * scatter)
            hill += thick * (mist[band] * (1 + 0.9 * _WARM[band] * scatter) - hill)
            picture[rows, :, band] += cover * (hill - picture[rows, :, band])
    return picture
