"""Camera, capture time and position from EXIF, in a block or among a TIFF's own tags; the time also from XMP and IPTC.

Source: Exif 3.0 (CIPA DC-008-2023), 4.6.4 to 4.6.7; XMP part 2 (Adobe, 2022), 2.1 and 3.3; IPTC IIM 4.2, 2:55 and 2:60.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lambdas.imaging.containers.tiff import Directory, MalformedTiffError, directories

_MAKE, _MODEL, _ORIENTATION, _EXIF, _GPS = 0x010F, 0x0110, 0x0112, 0x8769, 0x8825
# Local times with the tag of their offset, the best first: taken, digitized.
_CAPTURED = ((0x9003, 0x9011), (0x9004, 0x9012))
_LATITUDE, _LONGITUDE = (1, 2), (3, 4)  # tags of the reference and of the degrees

_PREFIX = b"Exif\0\0"
_MAX_TEXT = 1000  # bytes; a longer text is ignored
_MAX_LETTERS = 80  # of a make or model; a camera's are shorter, an attacker's need not be
_OFFSET = re.compile(r"^[+-]\d\d:\d\d$")
_XMP_MOMENTS = tuple(
    re.compile(
        name + rb"(?:=[\"']|>)\s*(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?)[\"'<\s]"
    )
    for name in (b"exif:DateTimeOriginal", b"photoshop:DateCreated", b"exif:DateTimeDigitized", b"xmp:CreateDate")
)
_MAX_XMP = 1_000_000  # bytes that are searched
_IPTC_DATE = re.compile(rb"\x1c\x02\x37\0\x08(\d{8})")
_IPTC_TIME = re.compile(rb"\x1c\x02\x3c\0\x0b(\d{6})([+-]\d{4})")


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
    orientation: int | None = None
    """1 to 8."""


def read_exif(block: bytes, xmp: bytes = b"", iptc: bytes = b"") -> Exif:
    """Read ``block``, which is an EXIF block with or without its prefix, or a whole TIFF.

    ``xmp`` and ``iptc`` are asked for the capture time where EXIF has none.
    """
    try:
        first = next(directories(block.removeprefix(_PREFIX)), None)
    except MalformedTiffError:
        first = None
    if first is None:
        return Exif(captured_at=_moment_of_xmp(xmp) or _moment_of_iptc(iptc))
    orientation = first.integer(_ORIENTATION, 0)
    return Exif(
        make=_text(first, _MAKE),
        model=_text(first, _MODEL),
        captured_at=_first_moment(first, first.directory(_EXIF)) or _moment_of_xmp(xmp) or _moment_of_iptc(iptc),
        position=_position(first.directory(_GPS)),
        orientation=orientation if orientation in range(1, 9) else None,
    )


def _text(directory: Directory, tag: int) -> str | None:
    found = directory.text(tag)
    if found is None or len(found) > _MAX_TEXT:
        return None
    text = found.partition(b"\0")[0].decode("utf-8", "replace")
    printable = "".join(letter for letter in text if letter.isprintable()).strip()
    return printable[:_MAX_LETTERS] or None


def _first_moment(first: Directory, exif: Directory | None) -> str | None:
    # Some writers put the tags of the EXIF directory into the first one.
    places: Iterable[Directory] = (exif, first) if exif is not None else (first,)
    moments = (_moment(_text(place, time), _text(place, offset)) for time, offset in _CAPTURED for place in places)
    return next((moment for moment in moments if moment), None)


def _moment(stamp: str | None, offset: str | None) -> str | None:
    try:
        local = datetime.strptime(stamp or "", "%Y:%m:%d %H:%M:%S")
        known = offset if offset and _OFFSET.match(offset) else ""
        return datetime.fromisoformat(local.isoformat() + known).isoformat()
    except ValueError:
        return None


def _moment_of_xmp(xmp: bytes) -> str | None:
    found = (pattern.search(xmp, 0, _MAX_XMP) for pattern in _XMP_MOMENTS)
    return next((moment for each in found if each and (moment := _iso(each[1].decode("ascii")))), None)


def _moment_of_iptc(iptc: bytes) -> str | None:
    date, time = _IPTC_DATE.search(iptc), _IPTC_TIME.search(iptc)
    return _iso(f"{date[1].decode()}T{time[1].decode()}{time[2].decode()}") if date and time else None


def _iso(text: str) -> str | None:
    try:
        return datetime.fromisoformat(text).replace(microsecond=0).isoformat()
    except ValueError:
        return None


def _position(gps: Directory | None) -> Position | None:
    if gps is None:
        return None
    north, east = _degrees(gps, _LATITUDE, "NS", 90), _degrees(gps, _LONGITUDE, "EW", 180)
    return Position(north, east) if north is not None and east is not None else None


def _degrees(gps: Directory, tags: tuple[int, int], directions: str, most: int) -> float | None:
    """Read degrees, minutes and seconds; south and west are negative."""
    reference, fractions = _text(gps, tags[0]), gps.fractions(tags[1])
    if reference not in set(directions) or not fractions or not all(under for _, under in fractions[:3]):
        return None
    total = sum(over / under / unit for (over, under), unit in zip(fractions, (1, 60, 3600), strict=False))
    if total > most:
        return None
    return round(-total if reference == directions[1] else total, 6)
