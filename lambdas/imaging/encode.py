"""Encode pixels as a derivative: one function per format, without metadata."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lambdas.core.keys import Format
from lambdas.core.settings.pictures import Formats, Rendering
from lambdas.imaging.engine import pyvips
from lambdas.imaging.graphics import is_graphic, visible_background
from lambdas.imaging.motion import write_avif
from lambdas.imaging.resize import is_moving

_NEAR = 60  # of 100, libwebp's near-lossless level: SSIMULACRA2 of 95 to 100 on graphics
_DEFLATE = 6
_VP8X_FLAGS, _VP8X_ALPHA = 20, 0x10  # WebP container specification, extended file format


def encode(image: "pyvips.Image", fmt: Format, formats: Formats, rendering: Rendering) -> bytes:
    """Return ``image``, 8-bit sRGB, encoded as ``fmt``; for "avif" it may be a WebP, where that is smaller.

    JPEG, which has no alpha, gets a background.
    """
    return _ENCODERS[fmt](image, formats, rendering)


def _avif(image: "pyvips.Image", formats: Formats, _rendering: Rendering) -> bytes:
    settings = formats.avif
    if is_moving(image):
        return _without_loss_if_smaller(image, write_avif(image, settings), formats)
    with _one_thread():
        written: bytes = image.heifsave_buffer(
            compression="av1",
            Q=settings.quality,
            effort=settings.effort,
            bitdepth=8,
            subsample_mode="on" if settings.chroma == "4:2:0" else "off",
            keep="none",
        )
    return _without_loss_if_smaller(image, written, formats)


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
    return _without_loss_if_smaller(image, _with_alpha_flag(image, written), formats)


def _with_alpha_flag(image: "pyvips.Image", webp: bytes) -> bytes:
    """Return ``webp`` marked as having alpha if it is an animation that has it.

    libwebp crops each frame to what changes, and leaves out the mark if all these crops are opaque: readers then take
    the rest of the canvas for opaque too.
    """
    if not (is_moving(image) and image.hasalpha() and webp[12:16] == b"VP8X"):
        return webp
    return webp[:_VP8X_FLAGS] + bytes([webp[_VP8X_FLAGS] | _VP8X_ALPHA]) + webp[_VP8X_FLAGS + 1 :]


def _without_loss_if_smaller(image: "pyvips.Image", lossy: bytes, formats: Formats) -> bytes:
    """Return ``lossy``, or a WebP with next to no loss if ``image`` is a graphic that is smaller so.

    Screenshots, logos and drawings take an eighth to three quarters of their AVIF then, with every letter sharp;
    AVIF without loss takes several times as much as WebP.
    """
    if not is_graphic(image):
        return lossy
    exact: bytes = image.webpsave_buffer(near_lossless=True, Q=_NEAR, effort=formats.webp.effort, keep="none")
    return _with_alpha_flag(image, exact) if len(exact) <= len(lossy) else lossy


def _png(image: "pyvips.Image", _formats: Formats, _rendering: Rendering) -> bytes:
    graphic = is_graphic(image)
    if graphic:
        written: bytes = image.pngsave_buffer(palette=True, dither=0, compression=_DEFLATE, keep="none")
        if (pyvips.Image.new_from_buffer(written, "") != image).max() == 0:
            return written
    # Of rows that repeat, no filter is the smallest; of photographs, the one chosen row by row.
    whole: bytes = image.pngsave_buffer(compression=_DEFLATE, filter="none" if graphic else "all", keep="none")
    return whole


def _jpeg(image: "pyvips.Image", formats: Formats, rendering: Rendering) -> bytes:
    settings = formats.jpeg
    opaque = image
    if image.hasalpha():
        opaque = image.flatten(background=visible_background(image, rendering.background_rgb))
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
    "png": _png,
}
