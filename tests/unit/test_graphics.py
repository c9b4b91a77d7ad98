"""Graphics: sharp in every format, PNG on request, and JPEG on a background on which they are seen."""

from collections.abc import Callable

import numpy as np
import pytest
import pyvips
from pictures import colour_at, corners, flat, from_array, load, mean_difference

from lambdas.core.keys import FORMATS, ImageId, Variant
from lambdas.core.settings import load_settings
from lambdas.core.stores.derivatives import DerivativeStore
from lambdas.imaging.graphics import is_graphic
from lambdas.imaging.render import render

SETTINGS = load_settings()
WEBP, AVIF = b"RIFF", b"ftyp"


def screenshot() -> pyvips.Image:
    """Draw lines of dark letters on a light page, and a bar in another colour."""
    page = np.full((480, 240, 3), (250, 250, 252), np.uint8)
    page[:24] = (40, 90, 200)
    letters = pyvips.Image.text("\n".join(["Invoice 4711, total 12.50 EUR"] * 20), dpi=80).numpy()[:440, :220]
    height, width = letters.shape
    page[32 : 32 + height, 8 : 8 + width][letters > 128] = (30, 30, 40)
    return from_array(page)


def noise(like: pyvips.Image) -> pyvips.Image:
    return from_array(
        np.clip(like.numpy() + np.random.default_rng(1).normal(0, 12, like.numpy().shape), 0, 255).astype(np.uint8)
    )


def logo(colour: tuple[int, int, int], *, opaque: float = 0.3) -> pyvips.Image:
    """Draw a bar of that colour over a share of a transparent square."""
    picture = np.zeros((200, 200, 4), np.uint8)
    picture[:, : round(200 * opaque)] = (*colour, 255)
    return from_array(picture)


def draw(original: pyvips.Image) -> dict[str, bytes]:
    variants = [Variant(256, 0, fmt) for fmt in FORMATS]
    return {each.variant.format: each.data for each in render(original.pngsave_buffer(), variants, SETTINGS)}


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (screenshot, True),
        (lambda: logo((20, 80, 200)), True),
        (lambda: flat((9, 9, 9)), True),
        (lambda: flat((9, 9, 9), 1, 50), False),
        (corners, False),
        (lambda: noise(screenshot()), False),
        (lambda: flat((9, 9, 9), 4000, 2000).insert(noise(flat((9, 9, 9), 1900, 1200)), 0, 0), False),  # costly
    ],
    ids=["screenshot", "logo", "one colour", "a column", "photograph", "noisy scan", "too many changes"],
)
def test_graphics_are_told_from_photographs(picture: Callable[[], pyvips.Image], expected: bool) -> None:
    assert is_graphic(picture()) == expected


def test_text_stays_sharp_in_avif_and_webp_for_fewer_bytes() -> None:
    original = screenshot()
    drawn = draw(original)
    for fmt in ("avif", "webp"):
        assert drawn[fmt].startswith(WEBP)
        assert (load(drawn[fmt])[:3].cast("short") - original).abs().max() <= 2
    assert len(drawn["avif"]) * 3 < len(drawn["jpeg"])


@pytest.mark.parametrize("picture", [corners, lambda: noise(screenshot())])
def test_photographs_stay_lossy(picture: Callable[[], pyvips.Image]) -> None:
    drawn = draw(picture())
    assert drawn["avif"][4:8] == AVIF
    assert b"VP8L" not in drawn["webp"][:64]


@pytest.mark.parametrize("picture", [screenshot, corners, lambda: logo((20, 80, 200)), lambda: flat((9, 8, 7, 90))])
def test_png_has_exactly_the_pixels_and_alpha(picture: Callable[[], pyvips.Image]) -> None:
    png = load(draw(picture())["png"])
    assert png.get("vips-loader").startswith("png")
    assert png.bands == picture().bands
    assert (png != picture()).max() == 0


def test_png_of_a_graphic_has_a_palette() -> None:
    assert load(draw(screenshot())["png"]).get_typeof("palette")
    assert not load(draw(corners())["png"]).get_typeof("palette")


@pytest.mark.parametrize(
    ("picture", "background", "expected"),
    [
        (logo((255, 255, 255)), "#ffffff", (32, 32, 32)),
        (logo((240, 244, 250)), "#ffffff", (32, 32, 32)),
        (logo((20, 20, 20)), "#000000", (255, 255, 255)),
        (logo((20, 20, 20)), "#ffffff", (255, 255, 255)),
        (logo((200, 30, 40)), "#ffffff", (255, 255, 255)),
        (logo((255, 255, 255)), "#1040a0", (16, 64, 160)),
        (logo((16, 64, 160)), "#1040a0", (255, 255, 255)),
        (logo((255, 255, 255), opaque=0.9), "#ffffff", (255, 255, 255)),  # a white window with a margin
        (flat((255, 255, 255, 0)), "#ffffff", (255, 255, 255)),
        (logo((250, 240, 220)).insert(flat((0, 0, 0, 255), 60, 30), 0, 0), "#ffffff", (255, 255, 255)),  # with text
    ],
)
def test_jpeg_has_a_background_on_which_the_picture_is_seen(
    picture: pyvips.Image, background: str, expected: tuple[int, int, int]
) -> None:
    rendering = SETTINGS.rendering.model_copy(update={"background": background})
    settings = SETTINGS.model_copy(update={"rendering": rendering})
    (jpeg,) = render(picture.pngsave_buffer(), [Variant(256, 0, "jpeg")], settings)
    shown = load(jpeg.data)
    assert colour_at(shown, shown.width - 6, 10) == pytest.approx(expected, abs=6)


@pytest.mark.parametrize(
    ("picture", "fmt", "expected"),
    [
        (screenshot, "avif", "image/webp"),
        (corners, "avif", "image/avif"),
        (screenshot, "webp", "image/webp"),
        (corners, "jpeg", "image/jpeg"),
        (corners, "png", "image/png"),
    ],
)
def test_content_type_is_that_of_the_bytes(picture: Callable[[], pyvips.Image], fmt: str, expected: str) -> None:
    stored: list[dict[str, object]] = []

    class Client:
        def put_object(self, **request: object) -> None:
            stored.append(request)

    variant, image_id = Variant(256, 0, fmt), ImageId("0" * 32)
    (drawn,) = render(picture().pngsave_buffer(), [variant], SETTINGS)
    DerivativeStore(Client(), "derivatives", SETTINGS).put(image_id, variant, drawn.data)
    assert [each["ContentType"] for each in stored] == [expected]
    assert expected in variant.mime_types


def test_moving_graphics_are_sharp_in_webp() -> None:
    steps = [screenshot().wrap(x=0, y=-8 * step) for step in range(3)]
    moving = pyvips.Image.arrayjoin(steps, across=1).copy(interpretation="srgb")
    moving.set_type(pyvips.GValue.gint_type, "page-height", steps[0].height)
    (drawn,) = render(moving.webpsave_buffer(lossless=True), [Variant(256, 0, "webp")], SETTINGS)
    shown = load(drawn.data, "[n=-1]")
    assert shown.height == moving.height
    assert mean_difference(shown[:3], moving) < 1
