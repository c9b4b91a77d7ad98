"""Animations: their first frame everywhere, or whole in WebP; never silently shortened."""

from collections.abc import Callable

import pytest
import pyvips
from pictures import animation, corners, each_frame_stored_as, load, mean_difference

from lambdas.core.keys import Variant
from lambdas.core.settings import Settings, load_settings
from lambdas.imaging.containers.frames import gif_frames, webp_frames
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import inspect
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render

SETTINGS = load_settings()
FORMATS = ("avif", "webp", "jpeg")
KEPT = SETTINGS.model_copy(update={"rendering": SETTINGS.rendering.model_copy(update={"animated": "webp"})})


def limited(settings: Settings, **limits: int) -> Settings:
    return settings.model_copy(update={"limits": settings.limits.model_copy(update=limits)})


def written(fmt: str, frames: int = 3) -> bytes:
    moving = animation(frames)
    return moving.gifsave_buffer() if fmt == "gif" else moving.webpsave_buffer(lossless=True)


def frames_of(data: bytes) -> list:
    shown = load(data, "" if data.startswith(b"\xff\xd8") else "[n=-1]")
    height = shown.get_page_height()
    return [shown.crop(0, top, shown.width, height)[:3] for top in range(0, shown.height, height)]


@pytest.mark.parametrize("fmt", ["gif", "webp"])
def test_the_first_frame_is_drawn_in_every_format(fmt: str) -> None:
    original = written(fmt)
    assert (inspect(original, SETTINGS.limits).pages, inspect(original, SETTINGS.limits).size) == (3, Size(120, 80))
    for derivative in render(original, [Variant(256, 0, out) for out in FORMATS], SETTINGS):
        (only,) = frames_of(derivative.data)
        assert mean_difference(only, frames_of(original)[0]) < 8


@pytest.mark.parametrize("fmt", ["gif", "webp"])
@pytest.mark.parametrize(("width", "size"), [(256, (120, 80)), (64, (64, 43))])
def test_animation_is_kept_in_webp_only(fmt: str, width: int, size: tuple[int, int]) -> None:
    ladder = KEPT.ladder.model_copy(update={"widths": (64, 256), "default_width": 64})
    original, settings = written(fmt), KEPT.model_copy(update={"ladder": ladder})
    drawn = {
        each.variant.format: each.data
        for each in render(original, [Variant(width, 0, out) for out in FORMATS], settings)
    }
    moving = frames_of(drawn["webp"])
    assert [(frame.width, frame.height) for frame in moving] == [size] * 3
    for got, want in zip(moving, frames_of(original), strict=True):
        assert mean_difference(got, want) < 8
    assert mean_difference(moving[0], moving[2]) > 20, "expected frames that differ"
    shown = load(drawn["webp"], "[n=-1]")
    assert (shown.get("delay"), shown.get("loop")) == ([70] * 3, 2)
    assert len(frames_of(drawn["avif"])) == len(frames_of(drawn["jpeg"])) == 1


def test_every_frame_is_cropped_alike() -> None:
    (square,) = render(written("webp"), [Variant(64, 64, "webp")], KEPT)
    moving = frames_of(square.data)
    assert [(frame.width, frame.height) for frame in moving] == [(64, 64)] * 3
    brightest, dimmest = moving[2], moving[0]
    assert mean_difference((brightest * (dimmest.avg() / brightest.avg())).cast("uchar"), dimmest) < 6


@pytest.mark.parametrize("crop", ["attention", "centre"])
def test_crop_window_is_chosen_by_the_first_frame(crop: str) -> None:
    settings = KEPT.model_copy(update={"rendering": KEPT.rendering.model_copy(update={"crop": crop})})
    drawn = render(written("webp"), [Variant(64, 64, "webp"), Variant(64, 64, "jpeg")], settings)
    first = {each.variant.format: frames_of(each.data)[0] for each in drawn}
    assert mean_difference(first["webp"], first["jpeg"]) < 8


@pytest.mark.parametrize("orientation", range(2, 9))
def test_every_frame_is_turned_upright(orientation: int) -> None:
    original = each_frame_stored_as(animation(), orientation).webpsave_buffer(lossless=True)
    (upright,) = render(original, [Variant(256, 0, "webp")], KEPT)
    for got, want in zip(frames_of(upright.data), frames_of(written("webp")), strict=True):
        assert (got.width, got.height) == (120, 80)
        assert mean_difference(got, want) < 8


def test_too_many_frames_are_rejected_under_either_policy() -> None:
    for settings in (SETTINGS, KEPT):
        with pytest.raises(RejectedError, match="at most 2 pages or frames but received more") as refused:
            list(render(written("gif"), [Variant(256, 0, "webp")], limited(settings, max_pages=2)))
        assert refused.value.code == "too_many_pages"


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_frames_are_counted_as_libvips_counts_them(frames: int) -> None:
    for count, original in ((gif_frames, written("gif", frames)), (webp_frames, written("webp", frames))):
        decoded = load(original, "[n=-1]")
        pages = decoded.get("n-pages") if decoded.get_typeof("n-pages") else 1
        assert max(1, count(original, 100)) == pages == frames
        assert count(original[: len(original) // 2], 100) <= frames
        assert count(original, 0) == (frames > 1 or count is gif_frames)


@pytest.mark.parametrize(
    ("original", "count"),
    [
        (b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xf9\0" * 2_000_000, gif_frames),
        (b"GIF89a\1\0\1\0\0\0\0\x21\xfe" + b"\1." * 2_000_000, gif_frames),
        (b"RIFF\0\0\0\0WEBP" + b"junk\0\0\0\0" * 2_000_000, webp_frames),
    ],
    ids=["extensions", "bytes", "chunks"],
)
def test_endless_blocks_count_as_too_many_frames(original: bytes, count: Callable[[bytes, int], int]) -> None:
    assert count(original, 1000) == 1001


def test_frames_are_counted_before_libvips_opens_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    originals = [written(fmt) for fmt in ("gif", "webp")]

    def unexpected(*_arguments: object, **_options: object) -> None:
        raise AssertionError("expected the file to be rejected before libvips opens it")

    monkeypatch.setattr(pyvips.Image, "new_from_buffer", unexpected)
    for original in originals:
        with pytest.raises(RejectedError, match="at most 2 pages or frames but received more"):
            inspect(original, limited(SETTINGS, max_pages=2).limits)


def test_too_many_animation_pixels_are_rejected_only_if_animation_is_kept() -> None:
    one_too_few = {"max_animation_pixels": 3 * 120 * 80 - 1}
    assert list(render(written("gif"), [Variant(256, 0, "webp")], limited(SETTINGS, **one_too_few)))
    with pytest.raises(RejectedError, match="3 × 120 × 80 = 28800") as refused:
        list(render(written("gif"), [Variant(256, 0, "avif")], limited(KEPT, **one_too_few)))
    assert refused.value.code == "too_many_pixels"


def test_tiff_pages_are_not_an_animation() -> None:
    pages = animation().tiffsave_buffer()
    assert inspect(pages, SETTINGS.limits).pages == 3
    (first,) = render(pages, [Variant(256, 0, "webp")], KEPT)
    assert len(frames_of(first.data)) == 1


def test_still_gif_stays_still() -> None:
    (still,) = render(corners().gifsave_buffer(), [Variant(256, 0, "webp")], KEPT)
    assert len(frames_of(still.data)) == 1
