"""The sequence headers of an AV1 bitstream: colours that no box names, and sizes that boxes may understate.

Source: AV1 Bitstream and Decoding Process Specification (AOM, 2019), 5.3 to 5.5.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lambdas.imaging.colour.code_points import CodePoints
from lambdas.imaging.geometry import Size

_SEQUENCE_HEADER = 1
_SRGB = (1, 13, 0)  # primaries, transfer, matrix
_MAX_UNITS = 256  # of a frame; an encoder writes a few, and one for each group of tiles
_MAX_HEADER_BYTES = 128


@dataclass(frozen=True, slots=True)
class Av1Colors:
    """What a sequence header says of the samples."""

    monochrome: bool
    full_range: bool
    """Whether samples use all their levels."""
    code_points: CodePoints | None


class _Bits:
    """Bits from the most significant on; beyond the end they are 0."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def read(self, count: int) -> int:
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else 0
        return shifted & ((1 << count) - 1)

    def read_variable(self) -> None:
        """Skip an unsigned number of variable length (4.10.3)."""
        zeros = 0
        while not self.read(1) and zeros < 32:
            zeros += 1
        self.read(zeros)


def av1_colors(stream: bytes) -> Av1Colors | None:
    """Return what ``stream`` says of its colours; None if it has no sequence header."""
    header = next(_sequence_headers(stream), None)
    return _colors(header) if header else None


def coded_sizes(stream: bytes) -> list[Size] | None:
    """Return the largest frame that each sequence header of ``stream`` allows; None if it has too many units."""
    headers = list(_sequence_headers(stream))
    return None if None in headers else [_read_start(header)[2] for header in headers if header]


def _sequence_headers(stream: bytes) -> Iterator[_Bits | None]:
    """Yield the sequence headers; None at last if there are more units than are read."""
    at = 0
    for _ in range(_MAX_UNITS):
        if at >= len(stream):
            return
        head = stream[at]
        at += 2 if head & 4 else 1
        size, at = _leb128(stream, at) if head & 2 else (len(stream) - at, at)
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            yield _Bits(stream[at : at + min(size, _MAX_HEADER_BYTES)])
        at += size
    yield None


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(data[at : at + 8]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    return value, len(data)


def _read_start(bits: _Bits) -> tuple[int, bool, Size]:
    """Return the profile, whether the header is a reduced one, and the largest frame."""
    profile, _still, reduced = bits.read(3), bits.read(1), bool(bits.read(1))
    if reduced:
        bits.read(5)
    else:
        _skip_operating_points(bits)
    width, height = bits.read(4) + 1, bits.read(4) + 1
    return profile, reduced, Size(bits.read(width) + 1, bits.read(height) + 1)


def _colors(bits: _Bits) -> Av1Colors:
    profile, reduced, _ = _read_start(bits)
    if not reduced and bits.read(1):
        bits.read(7)
    bits.read(3)
    if not reduced:
        _skip_tools(bits)
    bits.read(3)
    if bits.read(1) and profile == 2:
        bits.read(1)
    monochrome = profile != 1 and bool(bits.read(1))
    code = None
    if bits.read(1):
        code = CodePoints(bits.read(8), bits.read(8))
        matrix = bits.read(8)
        if not monochrome and (code.primaries, code.transfer, matrix) == _SRGB:  # then no bit says so
            return Av1Colors(monochrome, full_range=True, code_points=code)
    return Av1Colors(monochrome, bool(bits.read(1)), code)


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.read(1):  # timing information
        bits.read(64)
        if bits.read(1):
            bits.read_variable()
        if bits.read(1):  # decoder model
            delay_bits = bits.read(5) + 1
            bits.read(42)
    delays_shown = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if delays_shown and bits.read(1):
            bits.read(4)


def _skip_tools(bits: _Bits) -> None:
    bits.read(4)
    ordered = bits.read(1)
    if ordered:
        bits.read(2)
    forced = 2 if bits.read(1) else bits.read(1)
    if forced and not bits.read(1):
        bits.read(1)
    if ordered:
        bits.read(3)
