"""TIFF directories: the tags of a TIFF's pages, and of the EXIF blocks of other formats, which are TIFFs too.

Source: TIFF 6.0 (Adobe, 1992), section 2; BigTIFF design (AWare Systems, 2004); Exif 3.0, 4.6.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_RATIONALS = {5: "I", 10: "i"}
_UNDEFINED = 7
_TEXTS = (2, 129)  # ASCII, and UTF-8 of Exif 3.0
_BIG_TIFF = 43
_MAX_ENTRIES = 4096  # of one directory; the rest is ignored
_MAX_VALUES = 1024  # of one entry; the rest is not read


class MalformedTiffError(ValueError):
    """The bytes are not a TIFF, or end within its directory."""


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    at: int


class Directory:
    """One directory of the TIFF in ``data``: tags by number, values read on demand.

    Raises:
        MalformedTiffError: the file ends within it.
    """

    def __init__(self, data: bytes, order: str, at: int, *, big: bool) -> None:
        self._data = data
        self._order = order
        self._big = big
        count_letter, self._entry_letters, self.offset_bytes = ("Q", "HHQ", 8) if big else ("H", "HHI", 4)
        try:
            self._count: int = struct.unpack_from(order + count_letter, data, at)[0]
        except struct.error as error:
            raise MalformedTiffError(f"no directory at byte {at} of {len(data)}") from error
        self._at = at + struct.calcsize(count_letter)
        self._entry_bytes = struct.calcsize(order + self._entry_letters) + self.offset_bytes
        if self._at + self._count * self._entry_bytes > len(data):
            raise MalformedTiffError(f"the directory at byte {at} does not end within {len(data)} bytes")

    @property
    def following(self) -> int:
        """Offset of the next directory; 0 for the last."""
        at = self.following_at
        if at + self.offset_bytes > len(self._data):  # writers of EXIF omit it
            return 0
        return int(struct.unpack_from(self._order + ("Q" if self._big else "I"), self._data, at)[0])

    @property
    def following_at(self) -> int:
        """Where ``following`` is stored."""
        return self._at + self._count * self._entry_bytes

    @cached_property
    def _entries(self) -> dict[int, _Entry]:
        found: dict[int, _Entry] = {}
        for place in range(min(self._count, _MAX_ENTRIES)):
            at = self._at + place * self._entry_bytes
            tag, kind, count = struct.unpack_from(self._order + self._entry_letters, self._data, at)
            at += self._entry_bytes - self.offset_bytes
            if _TYPE_BYTES.get(kind, 1) * count > self.offset_bytes:
                (at,) = struct.unpack_from(self._order + ("Q" if self._big else "I"), self._data, at)
            found.setdefault(tag, _Entry(kind, count, at))
        return found

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def integers(self, tag: int) -> tuple[int, ...]:
        """Return the integers of ``tag``; empty if it is absent, of another type, or beyond the end of the file."""
        return self._unpacked(tag, _INTEGERS)

    def integer(self, tag: int, default: int) -> int:
        """Return the first integer of ``tag``, or ``default``."""
        return next(iter(self.integers(tag)), default)

    def fractions(self, tag: int) -> tuple[tuple[int, int], ...]:
        """Return the numerators and denominators of ``tag``; empty as for ``integers``."""
        flat = self._unpacked(tag, _RATIONALS, each=2)
        return tuple(zip(flat[::2], flat[1::2], strict=True))

    def text(self, tag: int) -> bytes | None:
        """Return the ASCII value of ``tag`` with what follows its first NUL; None if it is absent."""
        entry = self._entries.get(tag)
        if entry is None or entry.kind not in _TEXTS:
            return None
        return self._data[entry.at : entry.at + entry.count]

    def undefined(self, tag: int) -> bytes:
        """Return the value of ``tag`` if its type is "undefined", else no bytes."""
        entry = self._entries.get(tag)
        return self._data[entry.at : entry.at + entry.count] if entry is not None and entry.kind == _UNDEFINED else b""

    def directory(self, tag: int) -> "Directory | None":
        """Return the directory whose offset is the value of ``tag``; None if there is none that can be read."""
        try:
            return Directory(self._data, self._order, self.integer(tag, 0), big=self._big) if tag in self else None
        except MalformedTiffError:
            return None

    def _unpacked(self, tag: int, letters: dict[int, str], each: int = 1) -> tuple[int, ...]:
        entry = self._entries.get(tag)
        if entry is None or entry.kind not in letters:
            return ()
        count = min(entry.count, _MAX_VALUES) * each
        try:
            return struct.unpack_from(f"{self._order}{count}{letters[entry.kind]}", self._data, entry.at)
        except struct.error:
            return ()


def directories(data: bytes) -> Iterator[Directory]:
    """Yield the directories of the TIFF in ``data``, one per page; it ends where one was seen before.

    Raises:
        MalformedTiffError: there is no directory where one should be.
    """
    order = "<" if data[:2] == b"II" else ">"
    if data[:2] not in (b"II", b"MM") or len(data) < 8:
        raise MalformedTiffError("the bytes are not those of a TIFF")
    version, at = struct.unpack_from(f"{order}HI", data, 2)
    if big := version == _BIG_TIFF:
        at = int.from_bytes(data[8:16], "little" if order == "<" else "big")
    seen: set[int] = set()
    while at and at not in seen:
        seen.add(at)
        found = Directory(data, order, at, big=big)
        yield found
        at = found.following
