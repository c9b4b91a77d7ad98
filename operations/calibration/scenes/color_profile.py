"""The Display P3 colour profile, built from its definition."""

import struct

# ICC.1:2022; primaries and white of Display P3 (SMPTE RP 431-2 with D65), adapted to D50 by Bradford.
_COLORANTS = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
_D50 = (0.9642, 1.0, 0.8249)
_D65_TO_D50 = (1.04788, 0.02292, -0.05022, 0.02959, 0.99048, -0.01707, -0.00925, 0.01508, 0.75168)
_TRANSFER = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # IEC 61966-2-1, as sRGB
_CREATED = (2026, 1, 1, 0, 0, 0)


def _fixed(*values: float) -> bytes:
    """Encode s15Fixed16Numbers (4.6)."""
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _text(words: str) -> bytes:
    """Encode a multiLocalizedUnicodeType (10.15) of one language."""
    encoded = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(encoded), 28) + encoded


def display_p3() -> bytes:
    """Return an ICC version 4 profile of Display P3; the same bytes every time."""
    curve = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + _fixed(*_TRANSFER)
    tags = {
        b"desc": _text("Display P3"),
        b"cprt": _text("CC0"),
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(*_D50),
        b"chad": b"sf32\0\0\0\0" + _fixed(*_D65_TO_D50),
        **{name: b"XYZ \0\0\0\0" + _fixed(*colorant) for name, colorant in _COLORANTS.items()},
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, data = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(tag))
        data += tag + b"\0" * (-len(tag) % 4)
    body = struct.pack(">I", len(tags)) + table + data
    header = struct.pack(
        ">I4sI4s4s4s6H4s4sII4sQI12s4s44x",
        128 + len(body), b"\0\0\0\0", 0x0440_0000, b"mntr", b"RGB ", b"XYZ ", *_CREATED,
        b"acsp", b"\0\0\0\0", 0, 0, b"\0\0\0\0", 0, 0, _fixed(*_D50), b"\0\0\0\0",
    )  # fmt: skip
    return header + body
