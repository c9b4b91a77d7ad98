"""EXIF orientations 1 to 8, in every format that carries them, come out upright in every format."""

import pytest
from jxl_writer import jxl
from pictures import avif, corners, heic, load, mean_difference, with_orientation

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import inspect
from lambdas.imaging.render import render

SETTINGS = load_settings()
UPRIGHT = corners(480, 320)
WRITERS = {
    "jpeg": lambda image: image.jpegsave_buffer(Q=92),
    "png": lambda image: image.pngsave_buffer(),
    "webp": lambda image: image.webpsave_buffer(Q=92),
    "tiff": lambda image: image.tiffsave_buffer(),
}


# These say themselves how they are turned, and the decoder turns them; their EXIF may repeat it.
SELF_TURNING = {
    "avif": avif,
    "heic": heic,
    "jxl": lambda image, orientation: jxl(image.numpy(), orientation=orientation),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fmt", [*WRITERS, *SELF_TURNING])
def test_upright(fmt: str, orientation: int) -> None:
    stored = with_orientation(UPRIGHT, orientation)
    original = SELF_TURNING[fmt](stored, orientation) if fmt in SELF_TURNING else WRITERS[fmt](stored)
    header = inspect(original, SETTINGS.limits)
    assert (header.size, header.orientation) == (Size(480, 320), 1 if fmt in SELF_TURNING else orientation)

    for derivative in render(original, [Variant(256, 0, out) for out in ("avif", "webp", "jpeg")], SETTINGS):
        shown = load(derivative.data)
        assert (shown.width, shown.height) == (256, 171)
        assert mean_difference(shown, UPRIGHT) < 3
        assert mean_difference(shown, UPRIGHT.fliphor()) > 20, "expected a comparison that sees a mirrored picture"


def test_crop_is_taken_from_the_upright_picture() -> None:
    original = WRITERS["jpeg"](with_orientation(UPRIGHT, 6))
    (derivative,) = render(original, [Variant(256, 144, "jpeg")], SETTINGS)
    shown = load(derivative.data)
    assert (shown.width, shown.height) == (256, 144)
