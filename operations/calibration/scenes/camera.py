"""A scene as a phone would have stored it: turned on its side, tagged, located, with a preview and a wide profile."""

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import piexif
import pyvips

from operations.calibration.scenes.color_profile import display_p3

MAKE = "Darkroom"
MODEL = "Camera Obscura 12"

_PREVIEW_SIDE = 320
_QUALITY = 90
_UNCALIBRATED = 65535  # Exif 2.3, tag ColorSpace: the profile says which


@dataclass(frozen=True)
class Shot:
    """What the camera notes about one picture.

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
    """Turn and mirror a picture so that a viewer who obeys ``orientation`` (Exif, 1 to 8) sees it upright.

    Raises:
        ValueError: there is no such orientation.
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


def _degrees(angle: float) -> tuple[tuple[int, int], ...]:
    """Write an angle as Exif does: degrees, minutes and hundredths of seconds, as fractions."""
    hundredths = round(abs(angle) * 360_000)
    return (hundredths // 360_000, 1), (hundredths // 6_000 % 60, 1), (hundredths % 6_000, 100)


def _exif(shot: Shot, stored: pyvips.Image, preview: bytes) -> bytes:
    tags: dict[str, Any] = {
        "0th": {
            piexif.ImageIFD.Make: MAKE,
            piexif.ImageIFD.Model: MODEL,
            piexif.ImageIFD.Orientation: shot.orientation,
            piexif.ImageIFD.DateTime: shot.taken,
            piexif.ImageIFD.XResolution: (72, 1),
            piexif.ImageIFD.YResolution: (72, 1),
        },
        "Exif": {
            piexif.ExifIFD.DateTimeOriginal: shot.taken,
            piexif.ExifIFD.ExposureTime: shot.exposure.as_integer_ratio(),
            piexif.ExifIFD.FNumber: (round(shot.aperture * 10), 10),
            piexif.ExifIFD.ISOSpeedRatings: shot.iso,
            piexif.ExifIFD.ColorSpace: _UNCALIBRATED,
            piexif.ExifIFD.PixelXDimension: stored.width,
            piexif.ExifIFD.PixelYDimension: stored.height,
        },
        "GPS": {
            piexif.GPSIFD.GPSVersionID: (2, 3, 0, 0),
            piexif.GPSIFD.GPSLatitudeRef: "N" if shot.latitude >= 0 else "S",
            piexif.GPSIFD.GPSLatitude: _degrees(shot.latitude),
            piexif.GPSIFD.GPSLongitudeRef: "E" if shot.longitude >= 0 else "W",
            piexif.GPSIFD.GPSLongitude: _degrees(shot.longitude),
            piexif.GPSIFD.GPSAltitude: (round(shot.altitude * 10), 10),
        },
        "1st": {piexif.ImageIFD.Compression: 6},
        "thumbnail": preview,
    }
    encoded: bytes = piexif.dump(tags)
    return encoded


def photograph(upright: pyvips.Image, shot: Shot) -> bytes:
    """Return ``upright`` (8-bit, its values meant as Display P3) as the JPEG file that a camera would write."""
    profiled = upright.copy()
    profiled.set_type(pyvips.GValue.blob_type, "icc-profile-data", display_p3())
    stored = as_stored(profiled, shot.orientation).copy_memory()
    preview = stored.thumbnail_image(_PREVIEW_SIDE).jpegsave_buffer(Q=75, keep="none")
    pixels = stored.jpegsave_buffer(Q=_QUALITY, keep="icc")
    file = io.BytesIO()
    piexif.insert(_exif(shot, stored, preview), pixels, file)
    return file.getvalue()
