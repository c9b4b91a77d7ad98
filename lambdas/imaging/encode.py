"""Encode pixels as a derivative: one function per format, without metadata."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lambdas.core.keys import Format
from lambdas.core.settings.pictures import Formats, Rendering
from lambdas.imaging.engine import pyvips
from lambdas.imaging.motion import write_avif
from lambdas.imaging.resize import is_moving


def encode(image: "pyvips.Image", fmt: Format, formats: Formats, rendering: Rendering) -> bytes:
    """Return ``image``, 8-bit sRGB, encoded as ``fmt``; a format without alpha gets the background colour."""
    return _ENCODERS[fmt](image, formats, rendering)


def _avif(image: "pyvips.Image", formats: Formats, _rendering: Rendering) -> bytes:
    settings = formats.avif
    if is_moving(image):
        return write_avif(image, settings)
    with _one_thread():
        written: bytes = image.heifsave_buffer(
            compression="av1",
            Q=settings.quality,
            effort=settings.effort,
            bitdepth=8,
            subsample_mode="on" if settings.chroma == "4:2:0" else "off",
            keep="none",
        )
    return written


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep aom from splitting the frame into tiles by thread: larger files, and bytes that differ by machine."""
    before = pyvips.concurrency_get()
    pyvips.concurrency_set(1)
    try:
        yield
    finally:
        pyvips.concurrency_set(before)


def _webp(image: "pyvips.Image", formats: Formats, _rendering: Rendering) -> bytes:
    settings = formats.webp
    written: bytes = image.webpsave_buffer(
        Q=settings.quality,
        effort=settings.effort,
        mixed=is_moving(image),  # without loss where that is smaller, frame by frame
        keep="none",
    )
    return written


def _jpeg(image: "pyvips.Image", formats: Formats, rendering: Rendering) -> bytes:
    settings = formats.jpeg
    opaque = image.flatten(background=rendering.background_rgb) if image.hasalpha() else image
    written: bytes = opaque.jpegsave_buffer(
        Q=settings.quality,
        optimize_coding=True,
        quant_table=settings.quantization_table,
        interlace=settings.progressive,
        trellis_quant=settings.trellis,
        keep="none",
    )
    return written


_ENCODERS: dict[Format, Callable[["pyvips.Image", Formats, Rendering], bytes]] = {
    "avif": _avif,
    "webp": _webp,
    "jpeg": _jpeg,
}
