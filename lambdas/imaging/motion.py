"""Animations that libvips cannot read or write: APNG and AVIF sequences, by Pillow and its libavif.

Held as libvips holds animations: frames of one height, one below the other, with delays (ms) and loop (0 for ever).
Pillow is imported when it is needed, because it would lengthen every cold start.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lambdas.core.settings.pictures import AvifEncoder
from lambdas.imaging.colour.conversion import loading_options, with_profile
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.engine import pyvips
from lambdas.imaging.geometry import Size
from lambdas.imaging.rejection.corrupt import corrupt
from lambdas.imaging.resize import join_frames

if TYPE_CHECKING:
    from PIL import Image

    from lambdas.imaging.inspect import Header

# libavif's fastest setting but two, at which a frame costs less than in WebP, and the quality at which its frames
# score as stills of libheif do: SSIMULACRA2 of 34 to 90 for both, within 2, on drawn, dithered and filmed animations.
_SPEED = 8
_ABOVE_STILLS = 10

_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, LookupError, RuntimeError, struct.error, zlib.error)
_GREY = {"b-w", "grey16"}
_TIMED = {b"mvhd", b"tkhd", b"mdhd"}
_NESTED = {b"moov", b"trak", b"mdia"}
_DURATIONS = {b"mvhd": 32, b"tkhd": 36}
_ENDLESS = 2**64 - 1
_DELAY = 100  # ms, of frames that have none; browsers' own default


def read_frames(data: bytes, header: "Header", size: Size, frames: int, deadline: Deadline) -> "pyvips.Image":
    """Decode ``frames`` of the APNG or AVIF sequence in ``data``, each shrunk to ``size``, in their own colours.

    Raises:
        RejectedError: ``corrupt``, or ``too_costly``.
        OutOfTimeError: the wall-clock limit has passed; a retry may help.
        pyvips.Error: a frame cannot be converted.
    """
    shrunk, delays = [], []
    options = loading_options(header)
    try:
        for frame, delay in _decoded(data, header, frames):
            deadline.check()
            tagged = with_profile(header, frame)
            fitted = tagged.thumbnail_image(size.width, height=size.height, size="force", no_rotate=True, **options)
            shrunk.append(fitted.copy_memory())
            delays.append(delay)
    except _DAMAGED as error:
        raise corrupt(data, "pixels", error) from error
    joined = join_frames(shrunk)
    joined.set_type(pyvips.GValue.array_int_type, "delay", delays)
    sequence = header.structure.sequence
    joined.set_type(pyvips.GValue.gint_type, "loop", sequence.plays if sequence else 0)
    return joined


def write_avif(image: "pyvips.Image", settings: AvifEncoder) -> bytes:
    """Return the animation ``image``, 8-bit sRGB, as an AVIF sequence: the same bytes for the same frames."""
    from PIL import Image

    size = image.width, image.get_page_height()
    mode = "RGBA" if image.hasalpha() else "RGB"
    frames = [
        Image.frombuffer(mode, size, bytes(image.crop(0, top, *size).write_to_memory()), "raw", mode, 0, 1)
        for top in range(0, image.height, size[1])
    ]
    stored = image.get("delay") if image.get_typeof("delay") else []
    delays = [max(1, delay) for delay in [*stored, *[_DELAY] * len(frames)][: len(frames)]]
    written = io.BytesIO()
    frames[0].save(
        written, "AVIF", save_all=True, append_images=frames[1:], duration=delays, subsampling=settings.chroma,
        quality=min(100, settings.quality + _ABOVE_STILLS), speed=_SPEED, max_threads=1,
        range="limited",  # Chromium shows sequences of full range with too much contrast
    )  # fmt: skip
    plays = image.get("loop") if image.get_typeof("loop") else 0
    file = bytearray(written.getvalue())
    _set_times(file, 0, len(file), plays * sum(delays) or _ENDLESS)
    return bytes(file)


def _decoded(data: bytes, header: "Header", frames: int) -> Iterator[tuple["pyvips.Image", int]]:
    """Yield frames as they are shown, each with its delay."""
    from PIL import AvifImagePlugin, Image

    AvifImagePlugin.DEFAULT_MAX_THREADS = pyvips.concurrency_get()
    mode = ("L" if header.color_space in _GREY else "RGB") + ("A" if header.alpha else "")
    with Image.open(io.BytesIO(data), formats=["PNG", "AVIF"]) as file:
        if file.size != (header.stored.width, header.stored.height):
            raise ValueError("its frames are of another size than its picture")
        # The picture of an APNG need not be a frame: it is for viewers that show no animation.
        first = int(getattr(file, "default_image", False))
        for number in range(first, first + frames):
            file.seek(number)
            shown = file.convert(mode)
            yield _as_vips(shown), round(file.info.get("duration", 0))


def _as_vips(shown: "Image.Image") -> "pyvips.Image":
    bands = len(shown.getbands())
    pixels = pyvips.Image.new_from_memory(shown.tobytes(), *shown.size, bands, "uchar")
    return pixels.copy(interpretation="b-w" if bands < 3 else "srgb")


def _set_times(file: bytearray, at: int, end: int, duration: int) -> None:
    """Set how long the movie in ``file`` runs with its repetitions, in ms, and remove the time of its writing.

    Pillow does neither. Source: ISO/IEC 14496-12:2022, 8.2.2, 8.3.2, 8.4.2, each in version 1 of the box.
    """
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", file, at)
        if kind in _NESTED:
            _set_times(file, at + 8, at + size, duration)
        if kind in _TIMED:
            file[at + 12 : at + 28] = bytes(16)
        if place := _DURATIONS.get(kind):
            struct.pack_into(">Q", file, at + place, duration)
        at += size
