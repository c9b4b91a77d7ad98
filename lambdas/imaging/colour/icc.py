"""ICC profiles: their names read, and display profiles made from four chromaticities and a tone curve.

Source: ICC.1:2022, 9.2.41 (profileDescriptionTag), 10.15 (multiLocalizedUnicodeType); ICC.1:2001-04, 6.1 (header),
6.3.1.2 (three-component display profiles), 6.5.17 (textDescriptionType).
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

Matrix = tuple[tuple[float, ...], ...]

_D50 = (0.9642, 1.0, 0.8249)  # the white of the profile connection space
# Bradford's cone responses, by which whites are adapted (ICC.1:2022, annex E).
_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_CURVE_POINTS = 4096
_HEADER_BYTES = 128
_MAX_TAGS = 100
_MAX_NAME = 120  # letters


@dataclass(frozen=True, slots=True)
class Chromaticities:
    """CIE 1931 x and y of red, green, blue and white."""

    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]
    white: tuple[float, float]

    def resembles(self, other: "Chromaticities") -> bool:
        """Return whether all coordinates are equal up to the rounding in files, 0.001."""
        mine, theirs = (self.red, self.green, self.blue, self.white), (other.red, other.green, other.blue, other.white)
        return all(
            abs(one - two) < 0.0015
            for here, there in zip(mine, theirs, strict=True)
            for one, two in zip(here, there, strict=True)
        )


def profile_name(profile: bytes) -> str | None:
    """Return the description of an ICC ``profile``; None if there is none that can be read."""
    return _text(profile_tag(profile, b"desc"))


def profile_tag(profile: bytes, name: bytes) -> bytes:
    """Return the data of the first tag called ``name`` in an ICC ``profile``; empty if there is none."""
    count = int.from_bytes(profile[_HEADER_BYTES : _HEADER_BYTES + 4], "big")
    for index in range(min(count, _MAX_TAGS)):
        entry = profile[_HEADER_BYTES + 4 + 12 * index :][:12]
        if entry[:4] == name:
            offset, size = int.from_bytes(entry[4:8], "big"), int.from_bytes(entry[8:12], "big")
            return profile[offset : offset + size]
    return b""


def matrix_profile(name: str, where: Chromaticities, to_linear: Callable[[float], float]) -> bytes:
    """Return a display profile called ``name``; ``to_linear`` converts a coded value to linear light, both 0 to 1.

    Raises:
        ValueError: the chromaticities span no colours, or the name is not ASCII.
    """
    columns = list(zip(*_rgb_to_d50(where), strict=True))
    points = (min(1.0, max(0.0, to_linear(step / (_CURVE_POINTS - 1)))) for step in range(_CURVE_POINTS))
    curve = b"curv" + struct.pack(
        f">II{_CURVE_POINTS}H", 0, _CURVE_POINTS, *(round(point * 65_535) for point in points)
    )
    tags = {
        b"desc": _description(name),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": _xyz(_D50),
        b"rXYZ": _xyz(columns[0]),
        b"gXYZ": _xyz(columns[1]),
        b"bXYZ": _xyz(columns[2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    return _assembled(tags)


def _text(tag: bytes) -> str | None:
    if tag[:4] == b"desc":
        length = int.from_bytes(tag[8:12], "big")
        name = tag[12 : 12 + length].decode("ascii", "replace")
    elif tag[:4] == b"mluc":
        length, offset = int.from_bytes(tag[20:24], "big"), int.from_bytes(tag[24:28], "big")
        name = tag[offset : offset + length].decode("utf-16-be", "replace")
    else:
        return None
    printable = "".join(letter for letter in name.split("\0")[0] if letter.isprintable()).strip()
    return printable[:_MAX_NAME] or None


def _assembled(tags: dict[bytes, bytes]) -> bytes:
    body, offsets = b"", dict[bytes, int]()
    start = _HEADER_BYTES + 4 + 12 * len(tags)
    for data in tags.values():
        if data not in offsets:  # tags may share their data
            offsets[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
    table = struct.pack(">I", len(tags)) + b"".join(
        struct.pack(">4sII", tag, offsets[data], len(data)) for tag, data in tags.items()
    )
    header = bytearray(_HEADER_BYTES)
    struct.pack_into(">I", header, 0, start + len(body))
    struct.pack_into(">I4s4s4s", header, 8, 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header[36:40] = b"acsp"
    header[68:80] = _xyz(_D50)[8:]
    return bytes(header) + table + body


def _description(name: str) -> bytes:
    text = name.encode("ascii") + b"\0"
    # No Unicode, no Macintosh name.
    return b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65_536) for value in values))


def _rgb_to_d50(where: Chromaticities) -> Matrix:
    """Return the matrix from linear light of these primaries to XYZ, its white adapted to D50."""
    white = _to_xyz(where.white)
    primaries = tuple(zip(*(_to_xyz(each) for each in (where.red, where.green, where.blue)), strict=True))
    weights = _applied(_inverse(primaries), white)
    to_xyz = tuple(tuple(value * weight for value, weight in zip(row, weights, strict=True)) for row in primaries)
    seen, wanted = _applied(_BRADFORD, white), _applied(_BRADFORD, _D50)
    scaled = tuple(tuple(value * wanted[row] / seen[row] for value in _BRADFORD[row]) for row in range(3))
    return _product(_product(_inverse(_BRADFORD), scaled), to_xyz)


def _to_xyz(place: tuple[float, float]) -> tuple[float, float, float]:
    x, y = place
    if y <= 0:
        raise ValueError(f"expected a chromaticity with y above 0 but received {place}")
    return x / y, 1.0, (1 - x - y) / y


def _applied(matrix: Matrix, vector: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(sum(one * two for one, two in zip(row, vector, strict=True)) for row in matrix)


def _product(one: Matrix, two: Matrix) -> Matrix:
    columns = tuple(zip(*two, strict=True))
    return tuple(tuple(sum(a * b for a, b in zip(row, column, strict=True)) for column in columns) for row in one)


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(determinant) < 1e-6:
        raise ValueError(f"expected primaries that span a triangle but received {matrix}")
    adjugate = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return tuple(tuple(value / determinant for value in row) for row in adjugate)
