"""City at night, out of focus: every lamp a disc of light, and the wet street below doubles them."""

import numpy as np

from operations.calibration.scenes.noise import Field, blur, fractal, mix, ramp

_STREET = 0.66
_LAMPS = (
    ((1.0, 0.42, 0.08), 5.0),  # sodium
    ((1.0, 0.66, 0.30), 4.0),  # warm white
    ((1.0, 0.06, 0.03), 2.2),  # brake lights
    ((0.75, 0.86, 1.0), 1.8),  # headlights
    ((0.02, 0.75, 0.55), 1.2),  # signals
    ((0.95, 0.05, 0.45), 1.0),  # neon
    ((0.08, 0.25, 1.0), 1.0),
)


def _disc(radius: float, blades: float) -> Field:
    """Draw a point of light out of focus: a disc with a bright rim, faintly angular where the aperture is."""
    reach = int(radius * 1.15) + 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    angle = np.arctan2(y, x)
    away = np.hypot(x, y) / radius * (1 + 0.018 * np.cos(7 * angle + blades))
    edge = np.clip((1 - away) * radius / 1.6, 0, 1)
    disc: Field = edge * (0.62 + 0.22 * away**2 + 0.75 * np.clip((away - 0.86) / 0.14, 0, 1) ** 1.5)
    return disc


def _stamp(picture: Field, disc: Field, row: float, column: float, colour: Field) -> None:
    reach = disc.shape[0] // 2
    top, left = int(row) - reach, int(column) - reach
    rows = slice(max(0, top), min(picture.shape[0], top + disc.shape[0]))
    columns = slice(max(0, left), min(picture.shape[1], left + disc.shape[1]))
    if rows.start < rows.stop and columns.start < columns.stop:
        part = disc[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        picture[rows, columns] += part[..., None] * colour


def render(height: int, width: int, rng: np.random.Generator) -> Field:
    """Render linear light (rows, columns, 3)."""
    street = round(height * _STREET)
    y = np.linspace(0, 1, street, dtype=np.float32)
    sky = ramp(y, [(0, (0.004, 0.007, 0.022)), (0.55, (0.012, 0.018, 0.045)), (1, (0.10, 0.055, 0.045))])
    upper = np.repeat(sky[:, None, :], width, axis=1)

    towers = np.zeros((street, width), np.float32)
    for _ in range(16):
        left, broad = rng.uniform(-0.1, 0.95), rng.uniform(0.08, 0.24)
        roof = rng.uniform(0.12, 0.75) + 0.5 * max(0.0, 0.25 - abs(left + broad / 2 - 0.5))
        columns = slice(max(0, int(left * width)), int((left + broad) * width))
        towers[int(roof * street) :, columns] += rng.uniform(0.2, 1.0)
    towers = blur(towers, width / 60)
    upper += (0.014 * towers)[..., None] * np.array([0.7, 0.8, 1.3], np.float32)

    weights = np.array([weight for _, weight in _LAMPS])
    colours = np.array([colour for colour, _ in _LAMPS], np.float32)
    vanishing = 0.52
    for _ in range(420):
        depth = rng.beta(1.6, 1.5)
        side = rng.choice([-1, 1]) * (0.06 + 0.60 * depth**1.2) + rng.normal(0, 0.10)
        rise = rng.exponential(0.16) * (0.35 + depth) + rng.normal(0, 0.015)
        row = street * (0.93 + 0.03 * depth - rise)
        column = width * (vanishing + side)
        radius = width * (0.008 + 0.042 * depth**1.5) * rng.uniform(0.75, 1.2)
        kind = rng.choice(len(_LAMPS), p=weights / weights.sum())
        strength = rng.lognormal(-0.95, 0.75) * (0.55 + 0.5 * (1 - depth))
        _stamp(upper, _disc(radius, rng.uniform(0, 6)), row, column, colours[kind] * strength)

    depth_of_street = height - street
    rows = np.linspace(0, 1, depth_of_street, dtype=np.float32)[:, None]
    ripple = fractal(rng, depth_of_street, width, cells=(60, 10), octaves=4, gain=0.6)
    source = street - 1 - rows * street * 0.62 + ripple * street * 0.012 * (0.3 + rows)
    sideways = np.arange(width)[None, :] + ripple * width * 0.012 * (0.3 + rows)
    smeared = blur(upper, width / 220)
    mirrored = smeared[np.clip(source, 0, street - 1).astype(int), np.clip(np.abs(sideways), 0, width - 1).astype(int)]
    wet = np.clip(0.55 + 0.30 * fractal(rng, depth_of_street, width, cells=(10, 5), octaves=6), 0.08, 1)
    lower = (
        (0.35 * mirrored + 0.35 * _streak(mirrored, depth_of_street)) * wet[..., None] * (1 - 0.45 * rows[..., None])
    )
    lower += np.array([0.006, 0.008, 0.014], np.float32)
    seam = np.clip(1 - np.abs(np.arange(height) - street) / (height * 0.02), 0, 1).astype(np.float32)[:, None, None]
    picture = np.concatenate([upper, lower])
    return mix(picture, blur(picture, height * 0.012), seam)


def _streak(light: Field, rows: int) -> Field:
    """Draw the light out downwards, as rough wet asphalt does."""
    window = max(2, rows // 6)
    total = np.cumsum(np.concatenate([np.repeat(light[:1], window, axis=0), light]), axis=0)
    streaks: Field = (total[window:] - total[:-window]) / window
    return streaks
