"""AVIFs and HEICs of kinds that no writer at hand makes: a sound file's boxes with others added or replaced."""

import struct
from collections.abc import Callable

Boxes = list[tuple[bytes, bytes]]


def parsed(data: bytes) -> Boxes:
    found, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found.append((kind, data[at + 8 : at + size]))
        at += size
    return found


def written(boxes: Boxes) -> bytes:
    return b"".join(struct.pack(">I4s", len(body) + 8, kind) + body for kind, body in boxes)


def replaced(boxes: Boxes, kind: bytes, change: Callable[[bytes], bytes]) -> Boxes:
    return [(found, change(body) if found == kind else body) for found, body in boxes]


def with_properties(data: bytes, *added: tuple[bytes, bytes, bool], item: int = 1) -> bytes:
    """Add properties (type, body, whether it is essential) to an item; ``ipma`` must have entries of one byte."""
    listed = len(parsed(_ipco(data)))

    def associations(ipma: bytes) -> bytes:
        (entries,) = struct.unpack_from(">I", ipma, 4)
        out, at = ipma[:8], 8
        for _ in range(entries):
            (number,), count = struct.unpack_from(">H", ipma, at), ipma[at + 2]
            places = ipma[at + 3 : at + 3 + count]
            if number == item:
                places += bytes(0x80 * essential | listed + 1 + at_ for at_, (_, _, essential) in enumerate(added))
            out += struct.pack(">HB", number, len(places)) + places
            at += 3 + count
        return out

    def properties(iprp: bytes) -> bytes:
        boxes = replaced(parsed(iprp), b"ipco", lambda ipco: ipco + written([(kind, body) for kind, body, _ in added]))
        return written(replaced(boxes, b"ipma", associations))

    return _with_meta(data, lambda meta: replaced(meta, b"iprp", properties))


def with_item_type(data: bytes, kind: bytes, item: int = 1) -> bytes:
    at = data.index(b"infe\x02\0\0\0" + struct.pack(">H", item)) + 12
    return data[:at] + kind + data[at + 4 :]


def with_property_replaced(data: bytes, kind: bytes, body: bytes) -> bytes:
    """Replace the body of every property of that type."""

    def properties(iprp: bytes) -> bytes:
        return written(
            replaced(parsed(iprp), b"ipco", lambda ipco: written(replaced(parsed(ipco), kind, lambda _: body)))
        )

    return _with_meta(data, lambda meta: replaced(meta, b"iprp", properties))


def _ipco(data: bytes) -> bytes:
    meta = dict(parsed(dict(parsed(data))[b"meta"][4:]))
    return dict(parsed(meta[b"iprp"]))[b"ipco"]


def _with_meta(data: bytes, change: Callable[[Boxes], Boxes]) -> bytes:
    boxes = parsed(data)
    old = dict(boxes)[b"meta"]
    new = change(parsed(old[4:]))
    grown = len(written(new)) + 4 - len(old)
    new = replaced(new, b"iloc", lambda iloc: _shifted(iloc, grown))
    return written(replaced(boxes, b"meta", lambda meta: meta[:4] + written(new)))


def _shifted(iloc: bytes, by: int) -> bytes:
    """Move the data of every item that is stored outside of the boxes."""
    version, sizes = iloc[0], iloc[4:6]
    offset_bytes, length_bytes, base_bytes, index_bytes = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4, sizes[1] & 15
    assert version < 2 and offset_bytes == 4, "expected an iloc as libheif and libavif write it"
    out, (count,), at = bytearray(iloc), struct.unpack_from(">H", iloc, 6), 8
    for _ in range(count):
        at += 2
        method = struct.unpack_from(">H", iloc, at)[0] & 15 if version == 1 else 0
        at += 2 * (version == 1) + 2
        base = int.from_bytes(iloc[at : at + base_bytes], "big")
        if base and method == 0:
            out[at : at + base_bytes] = (base + by).to_bytes(base_bytes, "big")
        at += base_bytes
        (extents,) = struct.unpack_from(">H", iloc, at)
        at += 2
        for _ in range(extents):
            at += index_bytes * (version == 1)
            (offset,) = struct.unpack_from(">I", iloc, at)
            if not base and method == 0:
                struct.pack_into(">I", out, at, offset + by)
            at += offset_bytes + length_bytes
    return bytes(out)
