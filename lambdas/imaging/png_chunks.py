"""What a PNG says of its colours besides an embedded profile, which alone libvips reads.

Source: Portable Network Graphics, third edition (W3C, 2025), 11.3.2 (colour space information) and
its order of precedence: cICP, iCCP, sRGB, then cHRM with gAMA.
"""

import struct
from collections.abc import Iterator

from lambdas.imaging.colour_code import CodedProfile, ColourCode, coded_profile, gamma_profile
from lambdas.imaging.matrix_profile import Chromaticities

_SIGNATURE_BYTES = 8
_MOST_CHUNKS = 1000
_LONGEST = 32  # bytes of the chunks that are asked for here
_UNIT = 100_000


def png_profile(data: bytes) -> CodedProfile | None:
    """Return the profile that a PNG's chunks stand for; None if it is sRGB, embeds one, or says nothing."""
    chunks = dict(_colour_chunks(data))
    if len(code := chunks.get(b"cICP", b"")) == 4:
        return coded_profile(ColourCode(code[0], code[1]))
    if b"iCCP" in chunks or b"sRGB" in chunks or len(chunks.get(b"gAMA", b"")) != 4:
        return None
    stored = int.from_bytes(chunks[b"gAMA"], "big")
    return gamma_profile(_UNIT / stored, _chromaticities(chunks.get(b"cHRM", b""))) if stored else None


def _chromaticities(chunk: bytes) -> Chromaticities | None:
    if len(chunk) != 32:
        return None
    white_x, white_y, *rest = (value / _UNIT for value in struct.unpack(">8I", chunk))
    red_x, red_y, green_x, green_y, blue_x, blue_y = rest
    return Chromaticities((red_x, red_y), (green_x, green_y), (blue_x, blue_y), (white_x, white_y))


def _colour_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks before the pixels, and the first bytes of each."""
    at = _SIGNATURE_BYTES
    for _ in range(_MOST_CHUNKS):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if len(kind) < 4 or kind == b"IDAT":
            return
        yield kind, data[at + 8 : at + 8 + min(size, _LONGEST)]
        at += 12 + size
