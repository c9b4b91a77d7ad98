"""The tracks of an AVIF sequence: their sizes, frames and repetitions, without decoding anything.

Source: ISO/IEC 14496-12:2022, 8.3 (trak, tkhd), 8.5 (sample entries), 8.6.6 (elst), 8.7 (sample sizes and chunks);
AV1 Image File Format 1.1, 3 (image sequences).
"""

import math
import struct
from dataclasses import dataclass
from typing import Literal

from lambdas.imaging.containers.av1 import coded_sizes
from lambdas.imaging.containers.frames import Sequence
from lambdas.imaging.containers.isobmff import boxes, first_box
from lambdas.imaging.geometry import Size

_KINDS: dict[bytes, Literal["colour", "alpha"]] = {b"pict": "colour", b"auxv": "alpha"}
_ENDLESS = {0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF}


@dataclass(frozen=True, slots=True)
class _Track:
    kind: Literal["colour", "alpha"]
    size: Size
    frames: int
    plays: int
    samples: tuple[tuple[int, int], ...]
    """Offset in the file and length of each frame's data; empty if they cannot be told."""


def avif_sequence(data: bytes, size: Size | None, most: int) -> Sequence | None:
    """Return what the tracks of the AVIF in ``data`` hold; None if it is not a sequence.

    It is readable if colours, and alpha if any, have the same frames, at most ``most``, of ``size``, and no frame is
    coded larger than that.
    """
    tracks = _read_tracks(data, most)
    colours = next((track for track in tracks if track.kind == "colour"), None)
    if colours is None:
        return None
    fitting = all(
        track.size == size and 0 < len(track.samples) == track.frames == colours.frames and _fits(data, track)
        for track in tracks
    )
    return Sequence(colours.frames, colours.plays, readable=fitting and len(tracks) == len({t.kind for t in tracks}))


def _read_tracks(data: bytes, most: int) -> list[_Track]:
    found = []
    for kind, body in boxes(first_box(data, b"moov")):
        if kind == b"trak":
            try:
                track = _track(body, len(data), most)
            except (struct.error, IndexError):
                continue
            found += [track] if track else []
    return found


def _fits(data: bytes, track: _Track) -> bool:
    """Return whether no frame is coded larger than its track says: it would be decoded whole, then shrunk."""
    for at, length in track.samples:
        sizes = coded_sizes(data[at : at + length])
        if sizes is None or any(each.width > track.size.width or each.height > track.size.height for each in sizes):
            return False
    return True


def _track(trak: bytes, file_bytes: int, most: int) -> _Track | None:
    media = first_box(trak, b"mdia")
    table = first_box(first_box(media, b"minf"), b"stbl")
    kind = _KINDS.get(first_box(media, b"hdlr")[8:12])
    entries = list(boxes(first_box(table, b"stsd")[8:]))
    if kind is None or len(entries) != 1 or entries[0][0] != b"av01":
        return None
    size = Size(*struct.unpack_from(">HH", entries[0][1], 24))
    frames = struct.unpack_from(">I", first_box(table, b"stsz"), 8)[0]
    samples = _samples(table, frames) if frames <= most else ()
    # Samples that overlap would be read more often than the file is long.
    return _Track(kind, size, frames, _plays(trak), samples if sum(each[1] for each in samples) <= file_bytes else ())


def _plays(trak: bytes) -> int:
    """Return how often the track is shown: its duration by that of its one edit, if the edit repeats."""
    edits, header = first_box(first_box(trak, b"edts"), b"elst"), first_box(trak, b"tkhd")
    if not edits:
        return 0
    if not edits[3] & 1:
        return 1
    duration = struct.unpack_from(">Q" if header[0] else ">I", header, 28 if header[0] else 20)[0]
    once = struct.unpack_from(">Q" if edits[0] else ">I", edits, 8)[0]
    return 0 if duration in _ENDLESS or not once else math.ceil(duration / once)


def _samples(table: bytes, frames: int) -> tuple[tuple[int, int], ...]:
    """Return where the frames are: chunks of samples, each chunk in one piece."""
    stsz = first_box(table, b"stsz")
    fixed = struct.unpack_from(">I", stsz, 4)[0]
    lengths = [fixed] * frames if fixed else list(struct.unpack_from(f">{frames}I", stsz, 12))
    offsets = _numbers(first_box(table, b"stco"), "I", frames) or _numbers(first_box(table, b"co64"), "Q", frames)
    runs = _numbers(first_box(table, b"stsc"), "I", 3 * frames, each=3)
    found: list[tuple[int, int]] = []
    run = 0
    for chunk, offset in enumerate(offsets, start=1):
        while run + 3 < len(runs) and runs[run + 3] <= chunk:
            run += 3
        at = offset
        for length in lengths[len(found) : len(found) + runs[run + 1]]:
            found.append((at, length))
            at += length
    return tuple(found)


def _numbers(body: bytes, code: str, most: int, *, each: int = 1) -> list[int]:
    if not body:
        return []
    count = struct.unpack_from(">I", body, 4)[0] * each
    return list(struct.unpack_from(f">{min(count, most)}{code}", body, 8))
