"""Camera, capture time and position from EXIF: read by libvips, validated here."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_MAX_LETTERS = 80  # of a make or model; a camera's are shorter, an attacker's need not be
# libvips writes an entry as "value (value, ASCII, 6 components, 6 bytes)".
_AS_TEXT = re.compile(r"^(.*) \(\1, ASCII, \d+ components?, \d+ bytes?\)$", re.DOTALL)
_MAX_ENTRY = 1000  # letters as libvips writes them; the regular expressions would be slow on longer ones
_AS_RATIONALS = re.compile(r"^((?:\d+/\d+ ?)+)\(")
_OFFSET = re.compile(r"^[+-]\d\d:\d\d$")


@dataclass(frozen=True, slots=True)
class Position:
    """Degrees north and east, WGS 84."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Exif:
    """Fields of a picture's EXIF; None for what is absent or malformed."""

    make: str | None = None
    model: str | None = None
    captured_at: str | None = None
    """ISO 8601; with an offset only if the camera wrote one."""
    position: Position | None = None


def read_exif(field: Callable[[str], Any]) -> Exif:
    """Read EXIF from libvips' fields; ``field`` returns a field by name, or None."""
    return Exif(
        make=_text(field("exif-ifd0-Make")),
        model=_text(field("exif-ifd0-Model")),
        captured_at=_moment(_text(field("exif-ifd2-DateTimeOriginal")), _text(field("exif-ifd2-OffsetTimeOriginal"))),
        position=_position(field),
    )


def _text(entry: Any) -> str | None:
    found = _AS_TEXT.match(entry) if isinstance(entry, str) and len(entry) <= _MAX_ENTRY else None
    printable = "".join(letter for letter in found[1] if letter.isprintable()).strip() if found else ""
    return printable[:_MAX_LETTERS] or None


def _moment(stamp: str | None, offset: str | None) -> str | None:
    try:
        local = datetime.strptime(stamp or "", "%Y:%m:%d %H:%M:%S")
        known = offset if offset and _OFFSET.match(offset) else ""
        return datetime.fromisoformat(local.isoformat() + known).isoformat()
    except ValueError:
        return None


def _position(field: Callable[[str], Any]) -> Position | None:
    north = _degrees(field("exif-ifd3-GPSLatitude"), _text(field("exif-ifd3-GPSLatitudeRef")), "NS", 90)
    east = _degrees(field("exif-ifd3-GPSLongitude"), _text(field("exif-ifd3-GPSLongitudeRef")), "EW", 180)
    return Position(north, east) if north is not None and east is not None else None


def _degrees(entry: Any, reference: str | None, directions: str, most: int) -> float | None:
    """Read degrees, minutes and seconds; south and west are negative."""
    found = _AS_RATIONALS.match(entry) if isinstance(entry, str) and len(entry) <= _MAX_ENTRY else None
    if found is None or reference not in set(directions):
        return None
    total = 0.0
    for rational, unit in zip(found[1].split(), (1, 60, 3600), strict=False):
        over, under = map(int, rational.split("/"))
        if not under:
            return None
        total += over / under / unit
    if total > most:
        return None
    return round(-total if reference == directions[1] else total, 6)
