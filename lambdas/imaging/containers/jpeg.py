"""JPEG segments: the coding process, the precision and the number of scans, by a walk that decodes nothing.

Source: ITU-T T.81 (1992), annex B.
"""

import re
from dataclasses import dataclass

_START_OF_FRAME = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
_PROGRESSIVE = 0xC2
_MAX_SEGMENTS = 20_000
# In entropy-coded data, 0xFF is followed by 0x00 or by a restart marker.
_NEXT_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")


@dataclass(frozen=True, slots=True)
class JpegFrame:
    """What a JPEG says of its coding."""

    process: int
    """Number of its start-of-frame marker: 0 baseline, 1 extended, 2 progressive, 3 lossless, 9 arithmetic …"""
    precision: int
    """Bits a sample."""
    scans: int
    """Scans that a decoder reads, counted up to the limit; 1 for a baseline JPEG whose first scan has it all."""


def read_frame(data: bytes, max_scans: int) -> JpegFrame | None:
    """Return the frame of the JPEG in ``data``; None if there is none before the data ends.

    Counting stops at ``max_scans`` + 1. A file of more segments than any writer makes counts as one of that many scans.
    """
    process, precision, components, scans = -1, 0, 0, 0
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if at + 4 > len(data) or scans > max_scans:
            break
        if data[at] != 0xFF:
            at = _following_marker(data, at)
            continue
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == _END_OF_IMAGE:
            break
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _START_OF_FRAME and process < 0 and at + 10 <= len(data):
            process, precision, components = marker, data[at + 4], data[at + 9]
        elif marker == _START_OF_SCAN:
            scans += 1
            if process != _PROGRESSIVE and at + 5 <= len(data) and data[at + 4] >= components:
                break
            at = _following_marker(data, at + 2 + size)
            continue
        at += 2 + size
    else:
        scans = max_scans + 1
    return JpegFrame(process - 0xC0, precision, scans) if process >= 0 else None


def _following_marker(data: bytes, at: int) -> int:
    found = _NEXT_MARKER.search(data, at)
    return found.start() if found else len(data)
