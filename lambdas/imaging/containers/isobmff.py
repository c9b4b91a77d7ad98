"""The boxes of an AVIF or HEIC, for what neither libvips nor pi-heif passes on.

Source: ISO/IEC 14496-12:2022, 4.2 (boxes), 8.11 (meta, pitm), 12.1.5 (colr); ISO/IEC 23008-12:2022, 9.3 (iprp).
"""

import struct
from collections.abc import Iterator

from lambdas.imaging.colour.code_points import CodePoints

_MAX_BOXES = 4096  # read of one container; the rest is ignored


def code_points(data: bytes) -> CodePoints | None:
    """Return the colour code points of the primary item of the file in ``data``; None if there are none to read."""
    try:
        return _code_points(data)
    except (struct.error, IndexError):
        return None


def _code_points(data: bytes) -> CodePoints | None:
    meta = _first(data, b"meta")[4:]
    properties = _first(meta, b"iprp")
    listed = list(_boxes(_first(properties, b"ipco")))
    for index in _associated(_first(properties, b"ipma"), _primary(_first(meta, b"pitm"))):
        if 0 < index <= len(listed):
            kind, body = listed[index - 1]
            if kind == b"colr" and body[:4] == b"nclx":
                return CodePoints(*struct.unpack_from(">HH", body, 4))
    return None


def _primary(pitm: bytes) -> int:
    found: int = struct.unpack_from(">I" if pitm[0] else ">H", pitm, 4)[0]
    return found


def _associated(ipma: bytes, item: int) -> list[int]:
    """Return the positions of the properties of ``item`` in the property list, counted from 1."""
    item_id, index = (">I" if ipma[0] else ">H"), (">H" if ipma[3] & 1 else ">B")
    mask = 0x7FFF if ipma[3] & 1 else 0x7F  # the bit above marks the property as essential
    at = 8
    for _ in range(min(struct.unpack_from(">I", ipma, 4)[0], _MAX_BOXES)):
        found = struct.unpack_from(item_id, ipma, at)[0]
        at += struct.calcsize(item_id)
        count, at = ipma[at], at + 1
        if found == item:
            return [
                struct.unpack_from(index, ipma, at + place * struct.calcsize(index))[0] & mask for place in range(count)
            ]
        at += count * struct.calcsize(index)
    return []


def _first(data: bytes, kind: bytes) -> bytes:
    return next((body for found, body in _boxes(data) if found == kind), b"")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    for _ in range(_MAX_BOXES):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        end = len(data) if size == 0 else at + size
        if end < at + head:
            return
        yield kind, data[at + head : end]
        at = end
