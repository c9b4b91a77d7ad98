"""Files that the tests make: pictures, and what only pretends to be one."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pyvips
from PIL import Image


def photograph(width: int = 2400, height: int = 1600) -> pyvips.Image:
    """Draw something with the gradients and detail of a photograph: 8-bit sRGB."""
    down, across = np.mgrid[0:height, 0:width]
    red = 128 + 100 * np.sin(across / 190) * np.cos(down / 270)
    green = 255 * down / height
    blue = 128 + 90 * np.cos((across + down) / 230) + 20 * np.sin(across / 5) * np.sin(down / 6)
    pixels = np.clip(np.stack([red, green, blue], axis=-1), 0, 255).astype(np.uint8)
    return pyvips.Image.new_from_array(pixels).copy(interpretation="srgb")


def jpeg(width: int = 2400, height: int = 1600) -> bytes:
    """Return a photograph as JPEG."""
    return bytes(photograph(width, height).jpegsave_buffer(Q=90))


def heic(width: int = 600, height: int = 400) -> bytes:
    """Return a photograph as HEIC."""
    written = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(photograph(width, height).numpy())).save(written, quality=80)
    return written.getvalue()


def truncated_jpeg() -> bytes:
    """Return a JPEG whose last two thirds were lost on the way."""
    whole = jpeg(1200, 800)
    return whole[: len(whole) // 3]


def png_header_only(width: int, height: int) -> bytes:
    """Return a PNG that claims to be ``width`` × ``height`` and has a few bytes of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><circle r="40"/></svg>'
TEXT = "Dies ist kein Bild, heißt aber so.\n".encode() * 40
