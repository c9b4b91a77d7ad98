"""Sea at dusk: a low sun under burning clouds, its road of light on the waves."""

import numpy as np

from operations.calibration.scenes.noise import Field, fractal, line, mix, ramp

_HORIZON = 0.47


def _sky(height: int, width: int, rng: np.random.Generator, sun_x: float) -> Field:
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    stops = [
        (0.0, (0.035, 0.05, 0.16)),
        (0.35, (0.12, 0.10, 0.26)),
        (0.65, (0.42, 0.17, 0.24)),
        (0.86, (0.95, 0.34, 0.14)),
        (1.0, (1.45, 0.66, 0.20)),
    ]
    picture = np.repeat(ramp(y[:, 0], stops)[:, None, :], width, axis=1)
    away = np.sqrt(((x - sun_x) * width / height) ** 2 + (y - 0.93) ** 2)
    picture += (1.5 * np.exp(-away * 4.2))[..., None] * np.array([1.0, 0.42, 0.12], np.float32)

    flat = fractal(rng, height, width, cells=(9, 3), octaves=8, gain=0.55)
    puffs = fractal(rng, height, width, cells=(22, 9), octaves=7, gain=0.58)
    body = flat + 0.45 * puffs
    cover = np.clip((body - 0.15) * 0.9, 0, 1) * np.clip(1.15 - np.abs(y - 0.42) * 2.1, 0, 1)
    below = np.clip(body - np.roll(body, -max(1, height // 40), axis=0), -1, 2)
    lit = np.clip(0.35 + 0.75 * below, 0, 1.4) * np.clip(1.25 - away * 0.75, 0.12, 1)
    shade = ramp(y[:, 0], [(0, (0.05, 0.05, 0.12)), (1, (0.26, 0.12, 0.16))])[:, None, :]
    glow = ramp(y[:, 0], [(0, (0.9, 0.28, 0.30)), (0.6, (1.9, 0.52, 0.24)), (1, (2.4, 0.95, 0.3))])[:, None, :]
    picture = mix(picture, shade + glow * lit[..., None], cover[..., None])
    disc = np.clip((0.062 - away) * height / 2, 0, 1)[..., None]
    return mix(picture, np.array([9.0, 5.6, 2.0], np.float32), disc * (1 - 0.35 * cover[..., None]))


def _waves(height: int, width: int, aspect: float, rng: np.random.Generator) -> tuple[Field, Field, Field]:
    """Return the slopes of the water, across and towards the viewer, and the angle of view below the horizon.

    The sea is a sum of sine waves whose directions scatter about the wind's. Waves finer than a pixel cannot be
    drawn: their slope becomes a random one, which is the glitter of far water.
    """
    below = (np.arange(height, dtype=np.float32)[:, None] + 0.7) / height * 0.42
    distance = 1.0 / below
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :] * aspect * distance
    footprint = distance**2 * 0.42 / height
    slope_x = np.zeros((height, width), np.float32)
    slope_z = np.zeros((height, width), np.float32)
    lost = np.zeros((height, 1), np.float32)
    waves = 18
    for wave in range(waves):
        length = 2.6 * (0.035 / 2.6) ** (wave / (waves - 1)) * rng.uniform(0.85, 1.15)
        heading = rng.normal(0.35, 0.55)
        number = 2 * np.pi / length
        kx, kz = np.float32(number * np.sin(heading)), np.float32(number * np.cos(heading))
        steep = 0.030 * (1 if length > 0.3 else 0.8) * rng.uniform(0.7, 1.3)
        seen = 1 / (1 + (footprint / length * 2.2) ** 4)
        lost += (steep * (1 - seen)) ** 2 / 2
        near = np.s_[int(np.searchsorted(seen[:, 0], 0.02)) :]
        phase = kx * across[near] + kz * distance[near] + np.float32(rng.uniform(0, 2 * np.pi))
        crest = np.cos(phase) * (1 + 0.5 * np.sin(phase)) * (steep * seen[near])
        slope_x[near] += np.float32(np.sin(heading)) * crest
        slope_z[near] += np.float32(np.cos(heading)) * crest
    gusts = 1 + 0.35 * fractal(rng, height, width, cells=(9, 3), octaves=4)
    loose = np.sqrt(lost)
    slope_x = (slope_x + 0.45 * loose * rng.standard_normal((height, width), dtype=np.float32)) * gusts
    slope_z = (slope_z + 0.6 * loose * rng.standard_normal((height, width), dtype=np.float32)) * gusts
    return slope_x, slope_z, below


def render(height: int, width: int, rng: np.random.Generator) -> Field:
    """Render linear light (rows, columns, 3)."""
    sun_x = 0.37
    above = round(height * _HORIZON)
    sky = _sky(above, width, rng, sun_x)

    slope_x, slope_z, below = _waves(height - above, width, width / height, rng)
    elevation = np.abs(below + 2 * slope_z)
    rows = np.clip(above - 1 - elevation / 0.50 * above, 0, above - 1).astype(int)
    columns = np.arange(width)[None, :] + slope_x * 0.5 * width
    columns = np.clip(np.abs(columns), 0, width - 1).astype(int)
    glance = np.clip(below * 0.9 + slope_z, 0.02, 1)
    mirror = (0.02 + 0.98 * (1 - glance) ** 5)[..., None]
    deep = np.array([0.010, 0.030, 0.055], np.float32)
    sea = np.minimum(sky[rows, columns], 9) * mirror + deep * (1 - mirror)

    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    picture = np.concatenate([sky, sea])
    y = np.arange(height, dtype=np.float32)[:, None]
    rocks = 0.010 * line(rng, width, cells=9, octaves=8, gain=0.55)
    land = np.where(x[0] > 0.60, np.clip(np.clip(x[0] - 0.62, 0, 1) ** 0.7 * 0.085 + rocks, 0, None), 0) * height
    cover = np.clip(y - (above - land[None, :]) + 0.5, 0, 1) * np.clip(above + 1.5 - y, 0, 1) * (land > 0.5)
    return mix(picture, np.array([0.035, 0.022, 0.036], np.float32), cover[..., None])
