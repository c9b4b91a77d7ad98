import numpy as np
import pytest
from pictures import colour_at, flat, from_array, load

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.inspect import inspect
from lambdas.imaging.render import render

SETTINGS = load_settings()
HALF_RED = flat((255, 0, 0, 128)).pngsave_buffer()


@pytest.mark.parametrize("fmt", ["avif", "webp"])
def test_alpha_is_kept_where_the_format_has_it(fmt: str) -> None:
    assert inspect(HALF_RED, SETTINGS.limits).alpha
    (derivative,) = render(HALF_RED, [Variant(256, 0, fmt)], SETTINGS)
    shown = load(derivative.data)
    assert shown.hasalpha()
    assert colour_at(shown, 32, 32) == pytest.approx((255, 0, 0, 128), abs=6)


@pytest.mark.parametrize(("background", "expected"), [("#ffffff", (255, 127, 127)), ("#0000ff", (128, 0, 127))])
def test_jpeg_gets_the_background(background: str, expected: tuple[int, int, int]) -> None:
    rendering = SETTINGS.rendering.model_copy(update={"background": background})
    settings = SETTINGS.model_copy(update={"rendering": rendering})
    (derivative,) = render(HALF_RED, [Variant(256, 0, "jpeg")], settings)
    assert colour_at(load(derivative.data), 32, 32) == pytest.approx(expected, abs=4)


def test_opaque_alpha_is_dropped() -> None:
    opaque = flat((10, 200, 30, 255)).pngsave_buffer()
    assert inspect(opaque, SETTINGS.limits).alpha
    for derivative in render(opaque, [Variant(256, 0, fmt) for fmt in ("avif", "webp")], SETTINGS):
        assert not load(derivative.data).hasalpha()


def test_transparent_colours_do_not_bleed() -> None:
    stripes = np.zeros((512, 512, 4), np.uint8)
    stripes[:, ::2] = (200, 40, 40, 255)
    stripes[:, 1::2] = (0, 255, 0, 0)  # bright green that no one can see
    for derivative in render(from_array(stripes).pngsave_buffer(), [Variant(256, 0, "webp")], SETTINGS):
        red, green, _blue, alpha = colour_at(load(derivative.data), 128, 128)
        assert (red, green) == pytest.approx((200, 40), abs=12)
        assert alpha == pytest.approx(128, abs=12)


def test_grey_with_alpha() -> None:
    grey = flat((90, 128)).copy(interpretation="b-w").pngsave_buffer()
    by_format = {
        derivative.variant.format: load(derivative.data)
        for derivative in render(grey, [Variant(256, 0, fmt) for fmt in ("avif", "webp", "jpeg")], SETTINGS)
    }
    assert by_format["avif"].hasalpha()
    assert by_format["webp"].hasalpha()
    assert colour_at(by_format["jpeg"], 5, 5) == pytest.approx((172, 172, 172), abs=4)
