"""JPEG segments: the coding process, the number of scans, a map of gains, by walks that decode nothing.

Source: ITU-T T.81 (1992), annex B; CIPA DC-007-2021 (Multi-Picture Format), 5.2.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from lambdas.imaging.containers.tiff import MalformedTiffError, directories

_START_OF_FRAME = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
_PROGRESSIVE = 0xC2
_MAX_SEGMENTS = 20_000
_APP1, _APP2 = 0xE1, 0xE2
_MPF = b"MPF\0"
_MP_ENTRIES = 0xB002  # tag
_MAX_PICTURES = 8  # whose segments are read
_MAX_SEGMENTS_READ = 1000  # of each
_MP_ENTRY = 16  # bytes: attributes, size, offset, two dependencies
# What marks a picture as the map of gains of another: ISO 21496-1, Android's Ultra HDR, Apple.
_GAINS_ISO = b"urn:iso:std:iso:ts:21496:-1\0"
_GAINS_XMP = (b"http://ns.adobe.com/hdr-gain-map/1.0/", b"urn:com:apple:photo:2020:aux:hdrgainmap")
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


def has_gain_map(data: bytes) -> bool:
    """Return whether the JPEG in ``data`` carries a second picture that an HDR display multiplies it with."""
    return any(_is_gain_map(data, at) for at in _other_pictures(data))


def _is_gain_map(data: bytes, start: int) -> bool:
    return any(
        (marker == _APP2 and data.startswith(_GAINS_ISO, at))
        or (marker == _APP1 and any(data.find(mark, at, end) >= 0 for mark in _GAINS_XMP))
        for marker, at, end in _segments(data, start)
    )


def _other_pictures(data: bytes) -> list[int]:
    """Return where the pictures after the first one begin, by the index of the Multi-Picture Format."""
    for marker, at, end in _segments(data, 0):
        if marker == _APP2 and data.startswith(_MPF, at):
            base = at + len(_MPF)
            try:
                entries = next(directories(data[base:end])).undefined(_MP_ENTRIES)
            except (MalformedTiffError, StopIteration):
                return []
            order = "<" if data[base : base + 2] == b"II" else ">"
            whole = len(entries) // _MP_ENTRY * _MP_ENTRY
            offsets = [offset for _, _, offset, _ in struct.iter_unpack(f"{order}IIII", entries[:whole])]
            return [base + offset for offset in offsets if offset][:_MAX_PICTURES]  # the first picture's is 0
    return []


def _segments(data: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """Yield marker, beginning and end of the segments before the first scan of the JPEG at ``start``."""
    at = start + 2
    for _ in range(_MAX_SEGMENTS_READ if data.startswith(b"\xff\xd8", start) else 0):
        if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] in (_START_OF_SCAN, _END_OF_IMAGE):
            return
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        yield data[at + 1], at + 4, min(at + 2 + size, len(data))
        at += 2 + size


def _following_marker(data: bytes, at: int) -> int:
    found = _NEXT_MARKER.search(data, at)
    return found.start() if found else len(data)
