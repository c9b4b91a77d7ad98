"""Frames of an animation, counted by a walk over blocks that decodes nothing; here those of GIF and WebP.

Sources: the GIF89a specification (1990); the WebP container specification (RIFF).
"""

from dataclasses import dataclass
from typing import Literal

_GIF_HEADER, _GIF_DESCRIPTOR = 13, 10
_EXTENSION, _IMAGE, _GIF_TRAILER = 0x21, 0x2C, b";"
_MAX_BLOCKS = 1_000_000  # twice as many as a GIF of 100 MB needs: writers fill blocks with 255 bytes

FirstFrameReason = Literal["settings", "too_many_frames", "too_many_pixels", "unsupported"]
"""Why no more than the first frame of an animation is drawn."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """The animation that a file holds."""

    frames: int
    plays: int = 0
    """How often it is shown; 0 for ever."""
    readable: bool = True
    """Whether its frames can be drawn; else only the first one can."""


def gif_frames(data: bytes, most: int) -> list[int] | None:
    """Return the offsets of the frames before the GIF in ``data`` ends or is damaged, at most ``most`` + 1 of them.

    None for a file of more blocks than any writer makes.
    """
    frames: list[int] = []
    at, inside = _GIF_HEADER + _color_table(data, 10), False
    for _ in range(_MAX_BLOCKS):
        if at >= len(data) or len(frames) > most:
            return frames
        first = data[at]
        if inside:
            inside = first > 0
            at += first + 1
        elif first == _IMAGE:
            frames.append(at)
            inside = True
            at += _GIF_DESCRIPTOR + _color_table(data, at + 9) + 1
        elif first == _EXTENSION:
            inside = True
            at += 2
        else:
            return frames
    return None


def webp_frames(data: bytes, most: int) -> list[int] | None:
    """Return the offsets of the ``ANMF`` chunks of the WebP in ``data``, as ``gif_frames`` does."""
    frames: list[int] = []
    at = 12
    for _ in range(_MAX_BLOCKS):
        if at + 8 > len(data) or len(frames) > most:
            return frames
        if data[at : at + 4] == b"ANMF":
            frames.append(at)
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return None


def ending_at(fmt: Literal["gif", "webp"], at: int) -> tuple[int, bytes]:
    """Return the offset and replacement of bytes that end a file of ``fmt`` before offset ``at``."""
    return (at, _GIF_TRAILER) if fmt == "gif" else (4, (at - 8).to_bytes(4, "little"))


def _color_table(data: bytes, at: int) -> int:
    """Return the bytes of the color table that the packed field at ``at`` announces."""
    packed = data[at] if at < len(data) else 0
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0
