"""PNG chunks: colours, of which libvips reads embedded profiles alone; frames; checksums.

Source: Portable Network Graphics, third edition (W3C, 2025), 11.3.2 (colour space information) and
its order of precedence: cICP, iCCP, sRGB, then cHRM with gAMA; 11.3.6 (animation).
"""

import struct
import zlib
from collections.abc import Iterator

from lambdas.imaging.colour.code_points import CodedProfile, CodePoints, coded_profile, gamma_profile
from lambdas.imaging.colour.icc import Chromaticities
from lambdas.imaging.containers.frames import Sequence

_SIGNATURE_BYTES = 8
_BIT_DEPTH_AT = 24  # in IHDR, the first chunk
_MAX_CHUNKS = 1000  # before the pixels
_MAX_CHUNKS_CHECKED = 100_000
_CHUNK_HEAD = 32  # bytes that are kept of a chunk: all that the colour chunks have
_UNIT = 100_000


def png_profile(data: bytes) -> CodedProfile | None:
    """Return the profile that a PNG's chunks describe; None if it is sRGB, embedded, or not described."""
    chunks = dict(_chunks_before_pixels(data))
    if code := _code_points(chunks):
        return coded_profile(code)
    if b"iCCP" in chunks or b"sRGB" in chunks or len(chunks.get(b"gAMA", b"")) != 4:
        return None
    stored = int.from_bytes(chunks[b"gAMA"], "big")
    return gamma_profile(_UNIT / stored, _chromaticities(chunks.get(b"cHRM", b""))) if stored else None


def png_code_points(data: bytes) -> CodePoints | None:
    """Return the code points of a PNG's cICP chunk; None without one."""
    return _code_points(dict(_chunks_before_pixels(data)))


def _code_points(chunks: dict[bytes, bytes]) -> CodePoints | None:
    code = chunks.get(b"cICP", b"")
    return CodePoints(code[0], code[1]) if len(code) == 4 else None


def _chromaticities(chunk: bytes) -> Chromaticities | None:
    if len(chunk) != 32:
        return None
    white_x, white_y, *rest = (value / _UNIT for value in struct.unpack(">8I", chunk))
    red_x, red_y, green_x, green_y, blue_x, blue_y = rest
    return Chromaticities((red_x, red_y), (green_x, green_y), (blue_x, blue_y), (white_x, white_y))


def _chunks_before_pixels(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and first bytes of each chunk before the pixels."""
    at = _SIGNATURE_BYTES
    for _ in range(_MAX_CHUNKS):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if len(kind) < 4 or kind == b"IDAT":
            return
        yield kind, data[at + 8 : at + 8 + min(size, _CHUNK_HEAD)]
        at += 12 + size


def png_sequence(data: bytes) -> Sequence | None:
    """Return the animation of the PNG in ``data``; None if it has none.

    Frames of 16 bits a sample are not readable.
    """
    at, controls, frames, plays = _SIGNATURE_BYTES, 0, 0, 0
    for _ in range(_MAX_CHUNKS_CHECKED):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if len(kind) < 4 or kind == b"IEND" or (kind == b"IDAT" and not frames):
            break
        if kind == b"acTL":
            frames, plays = struct.unpack(">II", data[at + 8 : at + 16].ljust(8, b"\0"))
        controls += kind == b"fcTL"
        at += 12 + size
    shown = min(frames, controls)
    return Sequence(shown, plays, readable=data[_BIT_DEPTH_AT] <= 8) if shown > 1 else None


def png_fault(data: bytes) -> str:
    """Return what is wrong with the chunks of a PNG that cannot be decoded; empty if they are in order."""
    at, kind = _SIGNATURE_BYTES, b""
    for _ in range(_MAX_CHUNKS_CHECKED):
        if kind == b"IEND":
            break
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if at + 12 + size > len(data):
            return (
                f"the file ends within chunk {_name(kind)}" if len(kind) == 4 else "the file ends before its last chunk"
            )
        end = at + 8 + size
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return f"wrong checksum of chunk {_name(kind)} at byte {at}"
        at = end + 4
    return "its compressed pixels are damaged"


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "replace")
