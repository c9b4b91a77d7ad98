"""Placeholders: the dominant colour, and ThumbHashes that equal the reference implementation's up to its rounding."""

import base64
from collections.abc import Callable

import numpy as np
import pytest
from pictures import corners, flat, from_array

from lambdas.metadata.placeholder import placeholder, thumbhash


@pytest.mark.parametrize(
    ("colour", "expected"),
    [((200, 60, 50), "#c83c32"), ((0, 0, 0), "#000000"), ((255, 255, 255, 255), "#ffffff"), ((1, 2, 3, 0), None)],
)
def test_dominant_colour(colour: tuple[int, ...], expected: str | None) -> None:
    assert placeholder(flat(colour)).dominant_color == expected


def test_dominant_colour_is_the_most_frequent_not_the_mean() -> None:
    pixels = np.full((90, 90, 3), (20, 40, 200), np.uint8)
    pixels[:, :36] = (240, 230, 20)
    assert placeholder(from_array(pixels)).dominant_color == "#1428c8"


def test_dominant_colour_is_one_of_the_picture() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[::2] = (30, 30, 30)  # in the same bin as black
    assert placeholder(from_array(pixels)).dominant_color in ("#000000", "#1e1e1e")


def test_colours_under_almost_transparent_pixels_do_not_count() -> None:
    assert placeholder(flat((250, 10, 10, 3))).dominant_color is None


def test_transparent_pixels_do_not_count() -> None:
    pixels = np.full((64, 64, 4), (250, 250, 250, 0), np.uint8)
    pixels[20:30, 20:30] = (200, 60, 50, 255)
    red, green, blue = bytes.fromhex((placeholder(from_array(pixels)).dominant_color or "")[1:])
    assert (red, green, blue) == pytest.approx((200, 60, 50), abs=3)


@pytest.mark.parametrize("size", [(4000, 3), (3, 4000), (1, 1), (100, 100), (64, 65)])
def test_any_size_has_a_placeholder(size: tuple[int, int]) -> None:
    hashed = base64.b64decode(placeholder(flat((10, 20, 30), *size)).thumbhash, validate=True)
    assert 5 < len(hashed) < 30


def test_similar_pictures_have_similar_placeholders() -> None:
    small, large = (base64.b64decode(placeholder(corners(*size)).thumbhash) for size in ((120, 80), (960, 640)))
    assert small[:3] == pytest.approx(large[:3], abs=70)
    assert placeholder(corners()).thumbhash != placeholder(corners().fliphor()).thumbhash


Picture = Callable[[int, int], tuple[int, int, int, int]]

# (width, height, red green blue alpha at x and y, hash by the npm package thumbhash 0.1.1)
REFERENCE: dict[str, tuple[int, int, Picture, str]] = {
    "landscape": (64, 40, lambda x, y: (x * 4, y * 6, x * y % 256, 255), "1d180a249a707677707787778776a0910bf778"),
    "portrait": (
        30, 75, lambda x, y: ((x * 7 + y * 3) % 256, y * 3, 255 - x * 8, 255), "5f270a63187f5176a6868777706487f775"
    ),
    "widest": (100, 2, lambda x, y: (x * 2, y * 200, 128, 255), "1bf70d49a283878770887888837037f887"),
    "translucent": (
        50, 50, lambda x, y: (x * 5, 255 - y * 5, (x + y) * 2, x * y % 256),
        "9e08862d0a1790888b88878878767f06099910324066612836",
    ),
    "fading": (
        80, 60, lambda x, y: (90, 140, 200, min(255, y * 4)), "63958104803778788077874778f877878f8987078888888707"
    ),
}  # fmt: skip


def pixels(width: int, height: int, picture: Picture) -> bytes:
    return bytes(value for y in range(height) for x in range(width) for value in picture(x, y))


def nibbles(data: bytes) -> list[int]:
    return [half for byte in data for half in (byte & 15, byte >> 4)]


@pytest.mark.parametrize("name", REFERENCE)
def test_thumbhash_equals_the_reference(name: str) -> None:
    width, height, picture, expected_hex = REFERENCE[name]
    hashed, expected = thumbhash(width, height, pixels(width, height, picture)), bytes.fromhex(expected_hex)
    assert hashed[:5] == expected[:5]
    assert len(hashed) == len(expected)
    if name == "fading":
        return  # one colour under alpha: its waves are rounding noise, which the reference does not suppress
    # A frequency that is exactly nothing lies between two steps.
    apart = [abs(one - two) for one, two in zip(nibbles(hashed), nibbles(expected), strict=True)]
    assert max(apart) <= 1
    assert sum(apart) <= 3


def test_thumbhash_of_one_colour() -> None:
    plain = thumbhash(10, 10, bytes((200, 60, 50, 255)) * 100)
    assert plain[:5] == bytes.fromhex("5a1a030700")
    assert set(plain[5:]) == {0}


@pytest.mark.parametrize(("width", "height", "size"), [(0, 1, 0), (101, 1, 404), (2, 2, 15), (2, 2, 17)])
def test_thumbhash_rejects_other_sizes(width: int, height: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"expected {width} × {height} pixels .* received {size} bytes"):
        thumbhash(width, height, bytes(size))
