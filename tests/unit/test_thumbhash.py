"""ThumbHashes are those of the reference implementation, up to its rounding."""

from collections.abc import Callable

import pytest

from lambdas.imaging.thumbhash import thumbhash

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
def test_reference(name: str) -> None:
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


def test_one_colour() -> None:
    plain = thumbhash(10, 10, bytes((200, 60, 50, 255)) * 100)
    assert plain[:5] == bytes.fromhex("5a1a030700")
    assert set(plain[5:]) == {0}


@pytest.mark.parametrize(("width", "height", "size"), [(0, 1, 0), (101, 1, 404), (2, 2, 15), (2, 2, 17)])
def test_other_pixels_are_refused(width: int, height: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"expected {width} × {height} pixels .* received {size} bytes"):
        thumbhash(width, height, bytes(size))
