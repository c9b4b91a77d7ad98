"""Sound files with bytes flipped, cut, added and spliced: each has an outcome, and none takes the process with it."""

import random
from collections import Counter
from collections.abc import Callable

import pytest
from pictures import corners, with_orientation

from lambdas.imaging.formats import require_drawable
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render
from lambdas.imaging.sniff import SNIFF_BYTES, sniff
from lambdas.keys import Variant
from lambdas.settings import load_settings

SETTINGS = load_settings()
FILES = 40  # a format
HEADER = 600  # bytes at the front in which most damage is done: beyond them it is mere noise in pixels
PICTURE = corners(300, 200)
SOUND: dict[str, Callable[[], bytes]] = {
    "jpeg": PICTURE.jpegsave_buffer,
    "jpeg, progressive": lambda: PICTURE.jpegsave_buffer(interlace=True),
    "jpeg, turned": lambda: with_orientation(PICTURE, 6).jpegsave_buffer(),
    "jpeg, cmyk": lambda: PICTURE.icc_transform("cmyk", input_profile="srgb").jpegsave_buffer(),
    "png": PICTURE.pngsave_buffer,
    "png, interlaced": lambda: PICTURE.pngsave_buffer(interlace=True),
    "png, palette and alpha": lambda: PICTURE.bandjoin(100).copy(interpretation="srgb").pngsave_buffer(palette=True),
    "webp": PICTURE.webpsave_buffer,
    "webp, lossless": lambda: PICTURE.webpsave_buffer(lossless=True),
    "avif": lambda: PICTURE.heifsave_buffer(compression="av1", effort=0),
    "tiff": lambda: PICTURE.tiffsave_buffer(compression="deflate"),
    "tiff, tiled": lambda: PICTURE.tiffsave_buffer(tile=True, compression="jpeg"),
    "gif": PICTURE.gifsave_buffer,
}


def damaged(sound: bytes, other: bytes, chance: random.Random) -> bytes:
    data = bytearray(sound)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(min(len(data), HEADER) if chance.random() < 0.6 else len(data))
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


@pytest.mark.parametrize("name", SOUND)
def test_every_damaged_file_has_an_outcome(name: str) -> None:
    chance = random.Random(name)
    sound, others = SOUND[name](), [make() for make in SOUND.values()]
    outcomes: Counter[str] = Counter()
    for _ in range(FILES):
        data = damaged(sound, chance.choice(others), chance)
        try:
            require_drawable(sniff(data[:SNIFF_BYTES]))
            drawn = list(render(data, [Variant(256, 0, "jpeg"), Variant(256, 256, "webp")], SETTINGS))
            outcomes["drawn"] += len(drawn) == 2
        except RejectedError as error:
            outcomes[error.code] += 1
    assert outcomes.total() == FILES
    assert outcomes["corrupt"] + outcomes["not_an_image"] > FILES // 10, f"expected damage to show: {outcomes}"
