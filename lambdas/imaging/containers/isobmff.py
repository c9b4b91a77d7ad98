"""The boxes of an AVIF or HEIC: items, their properties and references, for what decoders neither check nor pass on.

Source: ISO/IEC 14496-12:2022, 4.2 (boxes), 8.11 (meta, pitm, iinf, iref), 12.1.5 (colr); ISO/IEC 23008-12:2022, 6.5
(properties), 6.6 (derived images), 9.3 (iprp); AV1-ISOBMFF 1.3, 2.3 (av1C); ISO/IEC 14496-15:2022, 8.3.3 (hvcC);
ISO/IEC 23008-12:2025, 6.6.2.4 (tmap).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from lambdas.imaging.colour.code_points import CodePoints
from lambdas.imaging.geometry import Size

_MAX_BOXES = 4096  # read of one container; the rest is ignored
_TRANSFORMS = (b"irot", b"imir", b"clap")
_GAIN_MAPS = (b"urn:com:apple:photo:2020:aux:hdrgainmap",)
_TONE_MAPPED = b"tmap"
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")


@dataclass(frozen=True, slots=True)
class Property:
    """An item property: the type and body of its box."""

    kind: bytes
    body: bytes
    essential: bool


@dataclass(slots=True)
class Item:
    """An item of the file, such as a coded picture, a tile or an alpha plane."""

    kind: bytes = b""
    properties: list[Property] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    """Ids of the items from which this one is derived, such as the tiles of a grid."""
    extent: tuple[int, int] = (0, 0)
    """Offset in the file and length of its data, or of the first part of it; (0, 0) if that is elsewhere."""

    def first(self, kind: bytes) -> bytes | None:
        """Return the body of the first property of that type."""
        return next((each.body for each in self.properties if each.kind == kind), None)

    @property
    def size(self) -> Size | None:
        """Width and height of the item before it is transformed, in pixels."""
        body = self.first(b"ispe")
        return Size(*struct.unpack_from(">II", body, 4)) if body and len(body) >= 12 else None

    @property
    def transforms(self) -> list[tuple[bytes, bytes]]:
        """The rotation, mirroring and cropping, in their order."""
        return [(each.kind, each.body) for each in self.properties if each.kind in _TRANSFORMS]

    @property
    def code_points(self) -> CodePoints | None:
        """What its nclx says of primaries and transfer characteristics."""
        body = self._nclx
        return CodePoints(*struct.unpack_from(">HH", body, 4)) if body else None

    @property
    def full_range(self) -> bool | None:
        """Whether samples use all their levels, as its nclx says; None if it says nothing."""
        body = self._nclx
        return bool(body[10] & 0x80) if body else None

    @property
    def monochrome(self) -> bool:
        """Whether it is coded without chroma."""
        av1, hevc = self.first(b"av1C") or b"", self.first(b"hvcC") or b""
        return bool(len(av1) > 2 and av1[2] & 0x10) or bool(len(hevc) > 16 and not hevc[16] & 3)

    @property
    def _nclx(self) -> bytes | None:
        bodies = (each.body for each in self.properties if each.kind == b"colr")
        return next((body for body in bodies if body[:4] == b"nclx" and len(body) >= 11), None)


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a file and which of them is the picture."""

    primary: int
    by_id: dict[int, Item]
    alphas: tuple[int, ...]
    """Alpha planes of the primary item."""
    premultiplied: bool
    """Whether its colours are multiplied by alpha."""
    gain_map: bool
    """Whether it comes with a map of gains for HDR displays: Apple's, or that of ISO 21496-1."""

    @property
    def picture(self) -> Item:
        """The primary item."""
        return self.by_id[self.primary]

    @property
    def coded(self) -> list[Item]:
        """The coded items of which the primary one is made: its tiles, or itself."""
        tiles = [self.by_id[each] for each in self.picture.inputs if each in self.by_id]
        return tiles or [self.picture]


def read_items(data: bytes) -> Items | None:
    """Return the items of the file in ``data``; None if it has no primary item that can be read."""
    try:
        meta = first_box(data, b"meta")[4:]
        primary = _primary(first_box(meta, b"pitm"))
        by_id = _items(first_box(meta, b"iinf"))
        _add_properties(by_id, first_box(meta, b"iprp"))
        auxiliary, premultiplied = _add_references(by_id, first_box(meta, b"iref"), primary)
        _add_extents(by_id, first_box(meta, b"iloc"))
    except (struct.error, IndexError):
        return None
    if primary not in by_id:
        return None
    purposes = {each: by_id[each].first(b"auxC") or b"" for each in auxiliary if each in by_id}
    alphas = tuple(each for each, purpose in purposes.items() if purpose[4:].startswith(_ALPHA))
    gain_map = any(purpose[4:].startswith(_GAIN_MAPS) for purpose in purposes.values()) or any(
        item.kind == _TONE_MAPPED and primary in item.inputs for item in by_id.values()
    )
    return Items(primary, by_id, alphas, premultiplied, gain_map)


def is_sequence(data: bytes) -> bool:
    """Return whether the file in ``data`` has tracks, as a movie has."""
    return any(kind == b"moov" for kind, _ in boxes(data))


def still_brand(data: bytes) -> bytes | None:
    """Return the brand under which decoders open the still image of a sequence; None if it is not one."""
    return {b"avis": b"avif", b"hevc": b"heic", b"hevx": b"heix", b"msf1": b"mif1"}.get(data[8:12])


def _primary(pitm: bytes) -> int:
    found: int = struct.unpack_from(">I" if pitm[0] else ">H", pitm, 4)[0]
    return found


def _items(iinf: bytes) -> dict[int, Item]:
    found: dict[int, Item] = {}
    for kind, body in boxes(iinf[6 if iinf[0] == 0 else 8 :]):
        if kind == b"infe" and body[0] in (2, 3):
            wide = body[0] == 3
            (number,) = struct.unpack_from(">I" if wide else ">H", body, 4)
            at = 10 if wide else 8
            found[number] = Item(body[at : at + 4])
    return found


def _add_properties(by_id: dict[int, Item], iprp: bytes) -> None:
    listed = list(boxes(first_box(iprp, b"ipco")))
    for kind, ipma in boxes(iprp):
        if kind != b"ipma":
            continue
        item_id, index = (">I" if ipma[0] else ">H"), (">H" if ipma[3] & 1 else ">B")
        essential = 0x8000 if ipma[3] & 1 else 0x80
        at = 8
        for _ in range(min(struct.unpack_from(">I", ipma, 4)[0], _MAX_BOXES)):
            (number,) = struct.unpack_from(item_id, ipma, at)
            at += struct.calcsize(item_id)
            count, at = ipma[at], at + 1
            for _ in range(count):
                (value,) = struct.unpack_from(index, ipma, at)
                at += struct.calcsize(index)
                place = value & (essential - 1)
                if number in by_id and 0 < place <= len(listed):
                    name, body = listed[place - 1]
                    by_id[number].properties.append(Property(name, body, bool(value & essential)))


def _add_references(by_id: dict[int, Item], iref: bytes, primary: int) -> tuple[list[int], bool]:
    """Add the inputs of derived items; return the primary item's auxiliary items and whether it is premultiplied."""
    auxiliary: list[int] = []
    premultiplied = False
    if not iref:
        return auxiliary, premultiplied
    number = ">I" if iref[0] else ">H"
    size = struct.calcsize(number)
    for kind, body in boxes(iref[4:]):
        (origin,) = struct.unpack_from(number, body, 0)
        (count,) = struct.unpack_from(">H", body, size)
        targets = [struct.unpack_from(number, body, size + 2 + size * place)[0] for place in range(count)]
        if kind == b"dimg" and origin in by_id:
            by_id[origin].inputs.extend(targets)
        elif kind == b"auxl" and primary in targets:
            auxiliary.append(origin)
        elif kind == b"prem" and origin == primary:
            premultiplied = True
    return auxiliary, premultiplied


def _add_extents(by_id: dict[int, Item], iloc: bytes) -> None:
    if not iloc:
        return
    version = iloc[0]
    offset_bytes, length_bytes, base_bytes, index_bytes = iloc[4] >> 4, iloc[4] & 15, iloc[5] >> 4, iloc[5] & 15
    id_bytes, count_bytes = (4, 4) if version == 2 else (2, 2)
    count, at = int.from_bytes(iloc[6 : 6 + count_bytes], "big"), 6 + count_bytes

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(iloc[at - size : at], "big")

    for _ in range(min(count, _MAX_BOXES)):
        item = by_id.get(number(id_bytes))
        method = number(2) & 15 if version else 0
        number(2)
        base = number(base_bytes)
        parts = number(2)
        number(index_bytes if version else 0)
        extent = base + number(offset_bytes), number(length_bytes)
        at += (parts - 1) * ((index_bytes if version else 0) + offset_bytes + length_bytes)
        if method == 0 and item is not None:
            item.extent = extent


def first_box(data: bytes, kind: bytes) -> bytes:
    """Return the body of the first box of that type in ``data``; empty if there is none."""
    return next((body for found, body in boxes(data) if found == kind), b"")


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and body of each box in ``data``, of at most 4096; the last body may be cut off."""
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
