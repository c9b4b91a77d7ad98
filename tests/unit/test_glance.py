"""What is shown of a picture before it has arrived."""

import base64

import numpy as np
import pytest
from pictures import corners, flat, from_array

from lambdas.imaging.glance import glance


@pytest.mark.parametrize(
    ("colour", "expected"),
    [((200, 60, 50), "#c83c32"), ((0, 0, 0), "#000000"), ((255, 255, 255, 255), "#ffffff"), ((1, 2, 3, 0), None)],
)
def test_one_colour(colour: tuple[int, ...], expected: str | None) -> None:
    assert glance(flat(colour)).dominant_color == expected


def test_the_most_frequent_colour_wins_and_not_the_mean() -> None:
    pixels = np.full((90, 90, 3), (20, 40, 200), np.uint8)
    pixels[:, :36] = (240, 230, 20)
    assert glance(from_array(pixels)).dominant_color == "#1428c8"


def test_what_is_transparent_does_not_count() -> None:
    pixels = np.full((64, 64, 4), (250, 250, 250, 0), np.uint8)
    pixels[20:30, 20:30] = (200, 60, 50, 255)
    red, green, blue = bytes.fromhex((glance(from_array(pixels)).dominant_color or "")[1:])
    assert (red, green, blue) == pytest.approx((200, 60, 50), abs=3)


@pytest.mark.parametrize("size", [(4000, 3), (3, 4000), (1, 1), (100, 100), (64, 65)])
def test_any_size_has_a_placeholder(size: tuple[int, int]) -> None:
    hashed = base64.b64decode(glance(flat((10, 20, 30), *size)).thumbhash, validate=True)
    assert 5 < len(hashed) < 30


def test_pictures_that_look_alike_have_placeholders_that_do() -> None:
    small, large = (base64.b64decode(glance(corners(*size)).thumbhash) for size in ((120, 80), (960, 640)))
    assert small[:3] == pytest.approx(large[:3], abs=70)
    assert glance(corners()).thumbhash != glance(corners().fliphor()).thumbhash
