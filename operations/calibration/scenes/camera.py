"""A scene as a phone would have stored it: turned on its side, tagged, located, with a preview and a wide profile."""

from dataclasses import dataclass
from fractions import Fraction

import pyvips

from operations.calibration.scenes.color_profile import display_p3

MAKE = "Darkroom"
MODEL = "Camera Obscura 12"

_PREVIEW_SIDE = 320
_QUALITY = 90
_UNCALIBRATED = "65535"  # Exif 2.3, tag ColorSpace: see the profile


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
