"""JPEG XL before its pixels: the size, from the first bits of the codestream, and what boxes come with it.

Source: ISO/IEC 18181-1:2024, annexes D.1 (signature) and D.2 (size header); ISO/IEC 18181-2:2024, 9 (boxes).
"""

from dataclasses import dataclass

from lambdas.imaging.containers.isobmff import boxes
from lambdas.imaging.geometry import Size

_CODESTREAM = b"\xff\x0a"
_HEADER_BYTES = 16  # more than signature and size take
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_SIDE_BITS = (9, 13, 18, 30)
_PART_NUMBER = 4  # bytes before a part of the codestream
_EXIF_OFFSET = 4  # bytes before the EXIF block


@dataclass(frozen=True, slots=True)
class JxlFile:
    """What a JPEG XL is beside its codestream."""

    size: Size
    """As stored, before it is turned, in pixels."""
    exif: bytes
    xmp: bytes
    compressed: tuple[tuple[bytes, bytes], ...]
    """Type and body of the metadata that are compressed by Brotli."""
    gain_map: bool


def read_jxl(data: bytes) -> JxlFile | None:
    """Read the JPEG XL in ``data``; None if it ends, or is damaged, before its size."""
    if data.startswith(_CODESTREAM):
        size = _size(data[:_HEADER_BYTES])
        return JxlFile(size, b"", b"", (), gain_map=False) if size else None
    head, first, compressed = b"", dict[bytes, bytes](), []
    for kind, body in boxes(data):
        if kind in (b"jxlc", b"jxlp") and len(head) < _HEADER_BYTES:
            head += body[_PART_NUMBER if kind == b"jxlp" else 0 :][:_HEADER_BYTES]
        elif kind == b"brob":
            compressed.append((body[:4], body[4:]))
        else:
            first.setdefault(kind, body)
    size = _size(head)
    if size is None:
        return None
    gain_map = b"jhgm" in first or any(kind == b"jhgm" for kind, _ in compressed)
    return JxlFile(size, exif_block(first.get(b"Exif", b"")), first.get(b"xml ", b""), tuple(compressed), gain_map)


def exif_block(body: bytes) -> bytes:
    """Return the EXIF block in the ``body`` of a box, which says where in it the block begins."""
    return body[_EXIF_OFFSET + int.from_bytes(body[:_EXIF_OFFSET], "big") :]


def _size(head: bytes) -> Size | None:
    """Return the size in the ``head`` of a codestream, whose bits are read from the least significant on."""
    if not head.startswith(_CODESTREAM) or len(head) < 4:
        return None
    bits, at = int.from_bytes(head[2:], "little"), 0

    def read(count: int) -> int:
        nonlocal at
        at += count
        return bits >> at - count & (1 << count) - 1

    small = read(1)

    def side() -> int:
        return (read(5) + 1) * 8 if small else read(_SIDE_BITS[read(2)]) + 1

    height = side()
    ratio = read(3)
    over, under = _RATIOS.get(ratio, (0, 1))
    width = height * over // under if over else side()
    return Size(width, height) if at <= 8 * (len(head) - 2) and width else None
