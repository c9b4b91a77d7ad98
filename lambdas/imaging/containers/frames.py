"""Frames of a GIF and of an animated WebP, counted by a walk over their blocks that decodes nothing.

Sources: the GIF89a specification (1990); the WebP container specification (RIFF).
"""

_GIF_HEADER, _GIF_DESCRIPTOR = 13, 10
_EXTENSION, _IMAGE = 0x21, 0x2C
_MAX_BLOCKS = 1_000_000  # twice as many as a GIF of 100 MB needs: writers fill blocks with 255 bytes


def gif_frames(data: bytes, most: int) -> int:
    """Return the number of frames before the GIF in ``data`` ends or is damaged.

    Counting stops at ``most`` + 1. A file of more blocks than any writer makes counts as one of that many frames.
    """
    frames, at, inside = 0, _GIF_HEADER + _color_table(data, 10), False
    for _ in range(_MAX_BLOCKS):
        if at >= len(data) or frames > most:
            return frames
        first = data[at]
        if inside:
            inside = first > 0
            at += first + 1
        elif first == _IMAGE:
            frames, inside = frames + 1, True
            at += _GIF_DESCRIPTOR + _color_table(data, at + 9) + 1
        elif first == _EXTENSION:
            inside = True
            at += 2
        else:
            return frames
    return most + 1


def webp_frames(data: bytes, most: int) -> int:
    """Return the number of ``ANMF`` chunks of the WebP in ``data``; counting stops at ``most`` + 1."""
    frames, at = 0, 12
    for _ in range(_MAX_BLOCKS):
        if at + 8 > len(data) or frames > most:
            return frames
        frames += data[at : at + 4] == b"ANMF"
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return most + 1


def _color_table(data: bytes, at: int) -> int:
    """Return the bytes of the color table that the packed field at ``at`` announces."""
    packed = data[at] if at < len(data) else 0
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0
