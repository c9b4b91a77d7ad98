"""A rendered scene as a phone stores it: exposed and developed, then turned, tagged, located, with a preview."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyvips

from operations.calibration.scenes.color_profile import display_p3
from operations.calibration.scenes.noise import Field, blur

MAKE = "Darkroom"
MODEL = "Camera Obscura 12"

_BLOOM = 0.12
_VIGNETTE = 0.35
_GRAIN = 2.8  # standard deviation, in 8-bit steps
_GRAIN_TILE = 509  # pixels; a prime, so that no width repeats it in step
_BRIGHTEST = 12.0  # linear light beyond which film is white
_CURVE_STEPS = 4096
_PREVIEW_SIDE = 320
_QUALITY = 90
_UNCALIBRATED = "65535"  # Exif 2.3, tag ColorSpace: see the profile


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

    Lens and film are applied at the size of ``light``, grain at the final size, so that every pixel has detail
    although the scene was rendered smaller.
    """
    curve = _film_curve((np.linspace(0, 1, _CURVE_STEPS, dtype=np.float32) ** 3) * _BRIGHTEST)
    step = np.cbrt(np.clip(_lens(light), 0, _BRIGHTEST) / _BRIGHTEST) * (_CURVE_STEPS - 1)
    display = (curve * 65_535).astype(np.uint16)[step.astype(np.int32)]
    film = pyvips.Image.new_from_array(display).resize(scale, kernel="cubic") / 257
    tile = pyvips.Image.gaussnoise(_GRAIN_TILE, _GRAIN_TILE, mean=0.5, sigma=_GRAIN, seed=seed).copy_memory()
    grain = tile.replicate(film.width // _GRAIN_TILE + 1, film.height // _GRAIN_TILE + 1)
    grain = grain.crop(0, 0, film.width, film.height)
    return (film + grain).cast("uchar").copy(interpretation="srgb")


@dataclass(frozen=True)
class Shot:
    """The metadata of one picture.

    ``orientation`` is Exif's, 1 to 8; ``latitude`` and ``longitude`` in degrees, north and east positive;
    ``altitude`` in metres; ``exposure`` in seconds; ``taken`` as ``YYYY:MM:DD HH:MM:SS``.
    """

    orientation: int
    latitude: float
    longitude: float
    altitude: float
    exposure: Fraction
    aperture: float
    iso: int
    taken: str


def as_stored(upright: pyvips.Image, orientation: int) -> pyvips.Image:
    """Turn and mirror a picture so that a viewer that applies ``orientation`` (Exif, 1 to 8) sees it upright.

    Raises:
        ValueError: ``orientation`` is not 1 to 8.
    """
    match orientation:
        case 1:
            return upright
        case 2:
            return upright.fliphor()
        case 3:
            return upright.rot180()
        case 4:
            return upright.flipver()
        case 5:
            return upright.fliphor().rot270()
        case 6:
            return upright.rot270()
        case 7:
            return upright.fliphor().rot90()
        case 8:
            return upright.rot90()
    raise ValueError(f"expected an orientation from 1 to 8 but received {orientation}")


def _degrees(angle: float) -> str:
    """Format an angle as EXIF stores it: degrees, minutes and hundredths of seconds, as fractions."""
    hundredths = round(abs(angle) * 360_000)
    return f"{hundredths // 360_000}/1 {hundredths // 6_000 % 60}/1 {hundredths % 6_000}/100"


def _exif(shot: Shot) -> dict[str, str]:
    """Return EXIF fields by libvips' names for them: IFD 0, 2 (Exif) and 3 (GPS)."""
    return {
        "exif-ifd0-Make": MAKE,
        "exif-ifd0-Model": MODEL,
        "exif-ifd0-DateTime": shot.taken,
        "exif-ifd1-Compression": "6",
        "exif-ifd2-DateTimeOriginal": shot.taken,
        "exif-ifd2-ExposureTime": f"{shot.exposure.numerator}/{shot.exposure.denominator}",
        "exif-ifd2-FNumber": f"{round(shot.aperture * 10)}/10",
        "exif-ifd2-ISOSpeedRatings": str(shot.iso),
        "exif-ifd2-ColorSpace": _UNCALIBRATED,
        "exif-ifd3-GPSLatitudeRef": "N" if shot.latitude >= 0 else "S",
        "exif-ifd3-GPSLatitude": _degrees(shot.latitude),
        "exif-ifd3-GPSLongitudeRef": "E" if shot.longitude >= 0 else "W",
        "exif-ifd3-GPSLongitude": _degrees(shot.longitude),
        "exif-ifd3-GPSAltitude": f"{round(shot.altitude * 10)}/10",
    }


def photograph(upright: pyvips.Image, shot: Shot) -> bytes:
    """Return ``upright`` (8-bit, its values meant as Display P3) as the JPEG file that a camera would write."""
    stored = as_stored(upright, shot.orientation).copy_memory()
    preview = stored.thumbnail_image(_PREVIEW_SIDE).jpegsave_buffer(Q=75, keep="none")
    stored.set_type(pyvips.GValue.blob_type, "icc-profile-data", display_p3())
    stored.set_type(pyvips.GValue.gint_type, "orientation", shot.orientation)
    stored.set_type(pyvips.GValue.blob_type, "jpeg-thumbnail-data", preview)
    for field, value in _exif(shot).items():
        stored.set_type(pyvips.GValue.gstr_type, field, value)
    file: bytes = stored.jpegsave_buffer(Q=_QUALITY, keep="icc|exif")
    return file
