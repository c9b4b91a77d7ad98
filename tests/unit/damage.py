"""Sound originals of every kind, and seeded damage to them: bytes flipped, cut, added and spliced."""

import random
import zlib
from collections.abc import Callable, Iterator
from functools import cache

import imagecodecs
import pyvips
from pictures import animated, animation, avif, corners, heic, with_orientation

_HEADER = 600  # bytes at the front in which most damage is done: beyond them it is mere noise in pixels
_PICTURE = corners(300, 200)


def _deep() -> pyvips.Image:
    return (_PICTURE.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")


def _translucent() -> pyvips.Image:
    return _PICTURE.bandjoin(100).copy(interpretation="srgb")


def _gamma_png() -> bytes:
    """Put a gAMA chunk (CRC and all) behind the header of a PNG."""
    plain, chunk = _PICTURE.pngsave_buffer(), b"gAMA" + (100_000).to_bytes(4, "big")
    return plain[:33] + (4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") + plain[33:]


_WRITERS: dict[str, Callable[[], bytes]] = {
    "jpeg": _PICTURE.jpegsave_buffer,
    "jpeg, progressive": lambda: _PICTURE.jpegsave_buffer(interlace=True),
    "jpeg, turned": lambda: with_orientation(_PICTURE, 6).jpegsave_buffer(),
    "jpeg, cmyk": lambda: _PICTURE.icc_transform("cmyk", input_profile="srgb").jpegsave_buffer(),
    "png": _PICTURE.pngsave_buffer,
    "png, interlaced": lambda: _PICTURE.pngsave_buffer(interlace=True),
    "png, palette and alpha": lambda: _translucent().pngsave_buffer(palette=True),
    "png, 16 bit": lambda: _deep().pngsave_buffer(),
    "png, gamma": _gamma_png,
    "png, animated": lambda: animated("apng"),
    "webp": _PICTURE.webpsave_buffer,
    "webp, lossless": lambda: _translucent().webpsave_buffer(lossless=True),
    "webp, animated": lambda: animation().webpsave_buffer(),
    "avif": lambda: _PICTURE.heifsave_buffer(compression="av1", effort=0),
    "avif, 10 bit": lambda: _deep().heifsave_buffer(compression="av1", effort=0, bitdepth=10),
    "avif, turned": lambda: avif(with_orientation(_PICTURE, 7), 7),
    "avif, animated": lambda: animated("avif"),
    "heic": lambda: heic(_PICTURE),
    "heic, turned": lambda: heic(with_orientation(_translucent(), 6), 6),
    "jxl": lambda: imagecodecs.jpegxl_encode(_PICTURE.numpy()),
    "jxl, lossless and alpha": lambda: imagecodecs.jpegxl_encode(_translucent().numpy(), lossless=True),
    "tiff": lambda: _PICTURE.tiffsave_buffer(compression="deflate"),
    "tiff, tiled": lambda: _PICTURE.tiffsave_buffer(tile=True, compression="jpeg"),
    "gif, animated": lambda: animation().gifsave_buffer(),
}

SOUND = {name: cache(write) for name, write in _WRITERS.items()}  # each is written once a process


def damaged_files(name: str, count: int) -> Iterator[bytes]:
    """Yield ``count`` damaged copies of the sound file of that name: the same ones every time."""
    chance = random.Random(name)
    sound, others = SOUND[name](), [make() for make in SOUND.values()]
    for _ in range(count):
        yield _damaged(sound, chance.choice(others), chance)


def _damaged(sound: bytes, other: bytes, chance: random.Random) -> bytes:
    data = bytearray(sound)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(min(len(data), _HEADER) if chance.random() < 0.6 else len(data))
        match chance.randrange(8):
            case 0 | 1 | 2 | 3:
                data[at] ^= 1 << chance.randrange(8)
            case 4 | 5:
                del data[at + 1 : at + chance.randint(2, 50)]
            case 6:
                data[at:at] = chance.randbytes(chance.randint(1, 20))
            case _:
                data[at + 1 :] = other[chance.randrange(len(other)) :]
    return bytes(data)
