"""From linear light to a photograph: bloom, vignette, film curve, grain."""

import numpy as np
import pyvips

from operations.calibration.scenes.noise import Field, blur

_BLOOM = 0.12
_VIGNETTE = 0.35
_GRAIN = 2.8  # standard deviation, in 8-bit steps
_GRAIN_TILE = 509  # pixels; a prime, so that no width repeats it in step
_BRIGHTEST = 12.0  # linear light beyond which film is white
_CURVE_STEPS = 4096


def _film_curve(light: Field) -> Field:
    """Map linear light to display values 0 to 1: Narkowicz's fit of the ACES curve, then the sRGB transfer curve."""
    toned = np.clip((light * (2.51 * light + 0.03)) / (light * (2.43 * light + 0.59) + 0.14), 0, 1)
    return np.where(toned <= 0.0031308, toned * 12.92, 1.055 * toned ** (1 / 2.4) - 0.055).astype(np.float32)


def _lens(light: Field) -> Field:
    """Let bright light bleed and the corners darken."""
    height, width = light.shape[:2]
    glow = blur(np.clip(light - 0.6, 0, 6), width / 70) + 0.5 * blur(np.clip(light - 0.9, 0, 6), width / 22)
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    falloff = 1 - _VIGNETTE * np.clip((rows**2 + columns**2) / 2, 0, 1) ** 1.3
    return (light + _BLOOM * glow) * falloff[..., None]


def develop(light: Field, seed: int, scale: int) -> pyvips.Image:
    """Turn linear ``light`` (rows, columns, 3) into an 8-bit picture, ``scale`` times as wide and high.

    Lens and film work at the size of ``light``; the grain is drawn at the final size, so that the picture has
    detail in every pixel though its scene was rendered at a fraction of them.
    """
    curve = _film_curve((np.linspace(0, 1, _CURVE_STEPS, dtype=np.float32) ** 3) * _BRIGHTEST)
    step = np.cbrt(np.clip(_lens(light), 0, _BRIGHTEST) / _BRIGHTEST) * (_CURVE_STEPS - 1)
    display = (curve * 65_535).astype(np.uint16)[step.astype(np.int32)]
    film = pyvips.Image.new_from_array(display).resize(scale, kernel="cubic") / 257
    tile = pyvips.Image.gaussnoise(_GRAIN_TILE, _GRAIN_TILE, mean=0.5, sigma=_GRAIN, seed=seed).copy_memory()
    grain = tile.replicate(film.width // _GRAIN_TILE + 1, film.height // _GRAIN_TILE + 1)
    grain = grain.crop(0, 0, film.width, film.height)
    return (film + grain).cast("uchar").copy(interpretation="srgb")
