"""HEIC: decoded by libheif, upright exactly once, whatever the file is called."""

import io

import numpy as np
import pillow_heif
import pytest
from pictures import colour_at, corners, exif_of, flat, heic, load, mean_difference, with_orientation

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.decode import decode, hevc_pixels
from lambdas.imaging.formats import sniff
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import inspect
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render

SETTINGS = load_settings()
FORMATS = ("avif", "webp", "jpeg")


def test_format_is_determined_by_the_bytes() -> None:
    assert sniff(heic(corners())) == "heic"


@pytest.mark.parametrize("boxes", [True, False])
def test_exif_orientation_without_boxes_is_not_applied(boxes: bool) -> None:
    """The boxes turn a HEIC, its EXIF only describes it: with both, it is turned once, with EXIF alone, never."""
    upright = corners(480, 320)
    data = heic(with_orientation(upright, 6), 6)
    if not boxes:
        assert data.count(b"irot") == 1
        data = data.replace(b"irot", b"free")
    header = inspect(data, SETTINGS.limits)
    (drawn,) = render(data, [Variant(256, 0, "jpeg")], SETTINGS)
    seen = upright if boxes else upright.rot270()
    assert header.size == Size(seen.width, seen.height)
    assert mean_difference(load(drawn.data), seen) < 3


def test_ten_bits_become_eight_without_banding() -> None:
    ramp = np.tile(np.linspace(8000, 57_000, 1024), (64, 1))
    deep = np.repeat(ramp[..., None], 3, 2).astype(np.uint16)
    written = pillow_heif.from_bytes("RGB;16", (1024, 64), deep.tobytes())
    stored = _saved(written)
    assert inspect(stored, SETTINGS.limits).color_space == "rgb16"
    assert hevc_pixels(stored).format == "ushort"
    pixels = decode(stored, inspect(stored, SETTINGS.limits), Size(1024, 64), Deadline(10))
    row = pixels.extract_band(1).crop(0, 32, 1024, 1).numpy()[0].astype(int)
    assert pixels.format == "uchar"
    assert abs(row - ramp[0] / 257).max() <= 2
    assert len(set(row)) >= 185, "expected a ramp of 190 levels"


def test_alpha_is_kept() -> None:
    stored = heic(flat((200, 60, 50, 128)))
    assert inspect(stored, SETTINGS.limits).alpha
    drawn = {each.variant.format: load(each.data) for each in render(stored, _variants(), SETTINGS)}
    assert colour_at(drawn["webp"], 30, 30) == pytest.approx([200, 60, 50, 128], abs=6)
    assert colour_at(drawn["jpeg"], 30, 30) == pytest.approx([227, 157, 152], abs=6)


def test_display_p3_by_code_points_is_converted() -> None:
    """Apple's phones embed a profile; other writers give the code points of H.273 alone."""
    red = heic(flat((234, 51, 35)), color_primaries=12, transfer_characteristics=13, matrix_coefficients=6)
    assert inspect(red, SETTINGS.limits).profile == "Display P3"
    (drawn,) = render(red, [Variant(256, 0, "webp")], SETTINGS)
    assert colour_at(load(drawn.data), 32, 32) == pytest.approx((255, 0, 0), abs=8)


def test_pixels_are_limited_from_the_header() -> None:
    tight = SETTINGS.limits.model_copy(update={"max_whole_frame_pixels": 100 * 100 - 1})
    with pytest.raises(RejectedError) as refused:
        inspect(heic(flat((90, 90, 90), 100, 100)), tight)
    assert refused.value.code == "too_many_pixels"


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.99])
def test_a_truncated_file_is_corrupt(kept: float) -> None:
    whole = heic(corners(300, 200))
    with pytest.raises(RejectedError) as refused:
        list(render(whole[: int(len(whole) * kept)], [Variant(256, 0, "jpeg")], SETTINGS))
    assert refused.value.code == "corrupt"


def _variants() -> list[Variant]:
    return [Variant(256, 0, fmt) for fmt in FORMATS]


def _saved(written: pillow_heif.HeifFile) -> bytes:
    stored = io.BytesIO()
    written.save(stored, quality=-1, exif=exif_of(1), chroma=444)
    return stored.getvalue()
