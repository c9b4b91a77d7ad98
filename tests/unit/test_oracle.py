"""Common variants of every format, made in code: Darkroom and Pillow see the same. For real files see test_corpus."""

import io
import itertools
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from pictures import corners, from_array, load, mean_difference
from PIL import Image as PillowImage

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.render import render

SETTINGS = load_settings()
COLOUR = corners(240, 160).numpy()
GREY = np.asarray(PillowImage.fromarray(COLOUR).convert("L"))
HALF = np.full((160, 240), 120, np.uint8)
GREY_CODE, COLOUR_CODE, PALETTE_CODE, GREY_ALPHA_CODE = 0, 2, 3, 4


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(code: int, bits: int, samples: np.ndarray, *chunks: bytes) -> bytes:
    """Write a PNG of that colour type; ``samples`` of fewer than 8 bits are packed."""
    if bits < 8:
        digits = np.unpackbits(samples.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :]
        samples = np.packbits(digits.reshape(len(samples), -1), axis=1)
    rows = b"".join(b"\0" + row.tobytes() for row in samples.reshape(len(samples), -1))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 240, 160, bits, code, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def palette_png(bits: int, transparency: bytes) -> bytes:
    quantized = PillowImage.fromarray(COLOUR).quantize(2**bits)
    colours = bytes((quantized.getpalette() + [0] * 768)[: 3 * 2**bits])
    chunks = [chunk(b"PLTE", colours), *([chunk(b"tRNS", transparency)] if transparency else [])]
    return png(PALETTE_CODE, bits, np.asarray(quantized), *chunks)


def deep(array: np.ndarray) -> np.ndarray:
    return (array.astype(np.uint16) * 257).astype(">u2")


def by_pillow(fmt: str, *bands: np.ndarray, **options: Any) -> bytes:
    written = io.BytesIO()
    picture = PillowImage.fromarray(np.dstack(bands).squeeze())
    picture.save(written, fmt, **options)
    return written.getvalue()


def transparent(*values: int) -> bytes:
    return chunk(b"tRNS", struct.pack(f">{len(values)}H", *map(int, values)))


VARIANTS: dict[str, bytes] = {
    **{f"PNG grey {bits}": png(GREY_CODE, bits, GREY >> (8 - bits)) for bits in (1, 2, 4, 8)},
    **{f"PNG palette {bits}": palette_png(bits, b"") for bits in (1, 2, 4, 8)},
    **{f"PNG palette {bits}, tRNS": palette_png(bits, bytes([50, 200])) for bits in (1, 2, 4, 8)},
    "PNG grey 8, tRNS": png(GREY_CODE, 8, GREY, transparent(GREY[10, 10])),
    "PNG colour 8, tRNS": png(COLOUR_CODE, 8, COLOUR, transparent(*COLOUR[10, 10])),
    "PNG colour 16": png(COLOUR_CODE, 16, deep(COLOUR)),
    "PNG colour 16, tRNS": png(COLOUR_CODE, 16, deep(COLOUR), transparent(*deep(COLOUR)[10, 10])),
    "PNG grey and alpha": png(GREY_ALPHA_CODE, 8, np.dstack([GREY, HALF])),
    **{f"JPEG subsampling {each}": by_pillow("JPEG", COLOUR, quality=92, subsampling=each) for each in range(3)},
    "JPEG progressive": by_pillow("JPEG", COLOUR, quality=92, progressive=True),
    "JPEG RGB": by_pillow("JPEG", COLOUR, quality=92, keep_rgb=True, subsampling=0),
    "JPEG grey": by_pillow("JPEG", GREY, quality=92),
    **{
        f"AVIF {subsampling} {limits}{' alpha' if alpha else ''}": by_pillow(
            "AVIF", COLOUR, *([HALF] if alpha else []), quality=95, speed=10, subsampling=subsampling, range=limits
        )
        for subsampling, limits, alpha in itertools.product(
            ("4:4:4", "4:2:2", "4:2:0", "4:0:0"), ("full", "limited"), (False, True)
        )
    },
    "AVIF grey and alpha": by_pillow("AVIF", GREY, HALF, quality=95, speed=10, range="limited"),
    "WebP lossless": by_pillow("WEBP", COLOUR, lossless=True),
    "WebP lossy, alpha": by_pillow("WEBP", COLOUR, HALF, quality=95),
    "GIF": by_pillow("GIF", COLOUR),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_pillow_sees_the_same(variant: str) -> None:
    data = VARIANTS[variant]
    seen = np.asarray(PillowImage.open(io.BytesIO(data)).convert("RGBA"))
    (derivative,) = render(data, [Variant(256, 0, "webp")], SETTINGS)
    drawn = load(derivative.data)
    alpha = drawn[3].numpy() if drawn.hasalpha() else np.full(seen.shape[:2], 255)
    assert np.abs(alpha.astype(int) - seen[..., 3]).mean() < 1
    on_white = from_array(seen).flatten(background=255)
    assert mean_difference(drawn.flatten(background=255) if drawn.hasalpha() else drawn, on_white) < 3
