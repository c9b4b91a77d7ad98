"""Animations: whole in AVIF and WebP, or their first frame, and then the metadata says why; never shortened."""

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
import pyvips
from pictures import animated, animation, corners, each_frame_stored_as, from_array, load, mean_difference, shown_frames
from PIL import Image as PillowImage
from PIL import ImageSequence

from lambdas.core.keys import Variant
from lambdas.core.settings import Settings, load_settings
from lambdas.imaging.containers.frames import gif_frames, webp_frames
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import first_frame_reason, inspect
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render

SETTINGS = load_settings()
FORMATS = ("avif", "webp", "jpeg")
MOVING = ("gif", "webp", "apng", "avif")
FIRST = SETTINGS.model_copy(update={"rendering": SETTINGS.rendering.model_copy(update={"animated": "first_frame"})})


def limited(settings: Settings, **limits: int) -> Settings:
    return settings.model_copy(update={"limits": settings.limits.model_copy(update=limits)})


def frames_of(data: bytes) -> list[pyvips.Image]:
    """Decode every frame; APNG and AVIF by Pillow, since libvips sees the first alone."""
    if data[4:8] == b"ftyp" or b"acTL" in data[:100]:
        frames = ImageSequence.Iterator(PillowImage.open(io.BytesIO(data)))
        return [from_array(np.asarray(frame.convert("RGB"))) for frame in frames]
    return shown_frames(load(data, "" if data.startswith(b"\xff\xd8") else "[n=-1]"))


def timing(data: bytes) -> tuple[list[int], int]:
    """Return the delays in ms, and how often the animation is shown (0 for ever)."""
    if data[4:8] != b"ftyp":
        shown = load(data, "[n=-1]")
        return shown.get("delay"), shown.get("loop")
    file, delays = PillowImage.open(io.BytesIO(data)), []
    for frame in ImageSequence.Iterator(file):
        frame.load()
        delays.append(frame.info["duration"])
    # In ms, from the track's header; all bits set if it never ends.
    (whole,) = struct.unpack_from(">Q", data, data.index(b"tkhd") + 32)
    return delays, 0 if whole == 2**64 - 1 else round(whole / sum(delays))


def draw(original: bytes, settings: Settings, width: int = 256) -> dict[str, bytes]:
    return {
        each.variant.format: each.data
        for each in render(original, [Variant(width, 0, fmt) for fmt in FORMATS], settings)
    }


@pytest.mark.parametrize("fmt", MOVING)
def test_only_the_first_frame_is_drawn_where_settings_say_so(fmt: str) -> None:
    original = animated(fmt)
    header = inspect(original, FIRST.limits)
    assert (header.pages, header.size, first_frame_reason(header, FIRST)) == (3, Size(120, 80), "settings")
    for data in draw(original, FIRST).values():
        (only,) = frames_of(data)
        assert mean_difference(only, frames_of(original)[0]) < 8


@pytest.mark.parametrize("fmt", MOVING)
@pytest.mark.parametrize(("width", "size"), [(256, (120, 80)), (64, (64, 43))])
def test_animation_is_kept_in_avif_and_webp(fmt: str, width: int, size: tuple[int, int]) -> None:
    ladder = SETTINGS.ladder.model_copy(update={"widths": (64, 256), "default_width": 64})
    original, settings = animated(fmt), SETTINGS.model_copy(update={"ladder": ladder})
    drawn = draw(original, settings, width)
    for kept in (drawn["avif"], drawn["webp"]):
        moving = frames_of(kept)
        assert [(frame.width, frame.height) for frame in moving] == [size] * 3
        for got, want in zip(moving, frames_of(original), strict=True):
            assert mean_difference(got, want) < 8
        assert mean_difference(moving[0], moving[2]) > 20, "expected frames that differ"
        assert timing(kept) == ([70] * 3, 0 if fmt == "avif" else 2)  # Pillow writes AVIFs that never end
    (only,) = frames_of(drawn["jpeg"])
    assert mean_difference(only, frames_of(original)[0]) < 8


def test_avif_has_the_range_that_chromium_shows_right() -> None:
    data = draw(animated("gif"), SETTINGS)["avif"]
    places = [at for at in range(len(data)) if data.startswith(b"colrnclx", at)]
    assert [data[at + 14] & 0x80 for at in places] == [0, 0]  # of the still and of the track


def test_avif_does_not_say_when_it_was_animated() -> None:
    data = draw(animated("gif"), SETTINGS)["avif"]
    for box in (b"mvhd", b"tkhd", b"mdhd"):
        at = data.index(box) + 8
        assert data[at : at + 16] == bytes(16)


def test_drawn_avif_is_read_as_an_animation_again() -> None:
    again = inspect(draw(animated("gif"), SETTINGS)["avif"], SETTINGS.limits)
    assert (again.pages, again.structure.sequence.plays) == (3, 2)


@pytest.mark.parametrize("fmt", MOVING)
def test_alpha_of_every_frame_is_kept(fmt: str) -> None:
    frames = [PillowImage.new("RGBA", (32, 32)) for _ in range(3)]
    for place, frame in enumerate(frames):
        frame.paste((255, 80 * place, 0, 255), (10 * place, 0, 10 * place + 12, 32))
    first, *others = frames
    file = io.BytesIO()
    options = {"gif": {"disposal": 2}, "apng": {"disposal": 1}, "avif": {"speed": 10}, "webp": {"lossless": True}}
    name = {"apng": "PNG"}.get(fmt, fmt)
    first.save(file, name, save_all=True, append_images=others, duration=70, **options[fmt])
    drawn = draw(file.getvalue(), SETTINGS)
    for kept in (drawn["avif"], drawn["webp"]):
        frames = ImageSequence.Iterator(PillowImage.open(io.BytesIO(kept)))
        seen = [[frame.convert("RGBA").getpixel((x, 9))[3] > 128 for x in (5, 15, 25)] for frame in frames]
        assert seen == [[True, False, False], [False, True, False], [False, False, True]]


def test_every_frame_is_cropped_alike() -> None:
    (square,) = render(animated("webp"), [Variant(64, 64, "webp")], SETTINGS)
    moving = frames_of(square.data)
    assert [(frame.width, frame.height) for frame in moving] == [(64, 64)] * 3
    brightest, dimmest = moving[2], moving[0]
    assert mean_difference((brightest * (dimmest.avg() / brightest.avg())).cast("uchar"), dimmest) < 6


@pytest.mark.parametrize("crop", ["attention", "centre"])
def test_crop_window_is_chosen_by_the_first_frame(crop: str) -> None:
    settings = SETTINGS.model_copy(update={"rendering": SETTINGS.rendering.model_copy(update={"crop": crop})})
    drawn = render(animated("webp"), [Variant(64, 64, "webp"), Variant(64, 64, "jpeg")], settings)
    first = {each.variant.format: frames_of(each.data)[0] for each in drawn}
    assert mean_difference(first["webp"], first["jpeg"]) < 8


@pytest.mark.parametrize("orientation", range(2, 9))
def test_every_frame_is_turned_upright(orientation: int) -> None:
    original = each_frame_stored_as(animation(), orientation).webpsave_buffer(lossless=True)
    (upright,) = render(original, [Variant(256, 0, "webp")], SETTINGS)
    for got, want in zip(frames_of(upright.data), frames_of(animated("webp")), strict=True):
        assert (got.width, got.height) == (120, 80)
        assert mean_difference(got, want) < 8


@pytest.mark.parametrize("fmt", MOVING)
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_pages": 2}, "too_many_frames"),
        ({"max_animation_pixels": 3 * 120 * 80 - 1}, "too_many_pixels"),
        ({"max_pages": 3, "max_animation_pixels": 3 * 120 * 80}, None),
    ],
)
def test_only_the_first_frame_is_drawn_beyond_the_limits(fmt: str, limits: dict[str, int], reason: str | None) -> None:
    original, settings = animated(fmt), limited(SETTINGS, **limits)
    header = inspect(original, settings.limits)
    assert (header.moving, header.pages, first_frame_reason(header, settings)) == (True, 3, reason)
    for out, data in draw(original, settings).items():
        frames = frames_of(data)
        assert len(frames) == (1 if reason or out == "jpeg" else 3)
        assert mean_difference(frames[0], frames_of(original)[0]) < 8


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_frames_are_counted_as_libvips_counts_them(frames: int) -> None:
    for count, original in ((gif_frames, animated("gif", frames)), (webp_frames, animated("webp", frames))):
        decoded = load(original, "[n=-1]")
        pages = decoded.get("n-pages") if decoded.get_typeof("n-pages") else 1
        assert max(1, len(count(original, 100))) == pages == frames
        assert len(count(original[: len(original) // 2], 100)) <= frames
        assert len(count(original, 0)) == (frames > 1 or count is gif_frames)


@pytest.mark.parametrize(
    "original",
    [
        b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xf9\0" * 2_000_000,
        b"GIF89a\1\0\1\0\0\0\0\x21\xfe" + b"\1." * 2_000_000,
        b"RIFF\0\0\0\0WEBP" + b"junk\0\0\0\0" * 2_000_000,
    ],
    ids=["extensions", "bytes", "chunks"],
)
def test_endless_blocks_are_too_many_frames(original: bytes) -> None:
    with pytest.raises(RejectedError, match="at most 1000 pages or frames but received more") as refused:
        inspect(original, SETTINGS.limits)
    assert refused.value.code == "too_many_pages"


@pytest.mark.parametrize("fmt", ["gif", "webp"])
def test_libvips_never_sees_more_frames_than_the_limit(fmt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original, opened = animated(fmt), []
    open_really = pyvips.Image.new_from_buffer

    def record(data: bytes, *arguments: object, **options: object) -> pyvips.Image:
        opened.append(open_really(data, "[n=-1]"))
        return open_really(data, *arguments, **options)

    monkeypatch.setattr(pyvips.Image, "new_from_buffer", record)
    inspect(original, limited(SETTINGS, max_pages=2).limits)
    assert [image.height for image in opened] == [80]


def with_number(data: bytes, box: bytes, at: int, number: int) -> bytes:
    """Write a number of 32 bits at ``at`` of each box of that type."""
    changed, place = bytearray(data), -1
    while (place := data.find(box, place + 1)) >= 0:
        struct.pack_into(">I", changed, place + 4 + at, number)
    return bytes(changed)


def understated() -> bytes:
    """Write a sequence whose boxes say 120 × 80 pixels, and its bitstream 1024 × 512."""
    file, large = io.BytesIO(), [PillowImage.new("RGB", (1024, 512), (shade, 0, 0)) for shade in (0, 100, 200)]
    large[0].save(file, "AVIF", save_all=True, append_images=large[1:], speed=10)
    data, small = file.getvalue(), animated("avif")
    at = data.index(b"mdat") + 4
    tables = with_number(small, b"stco", 8, len(small))
    lengths = struct.unpack_from(">3I", data, data.index(b"stsz") + 16)
    for place, length in enumerate(lengths):
        tables = with_number(tables, b"stsz", 12 + 4 * place, length)
    return tables + data[at:]


def deep() -> bytes:
    """Write an APNG of 16 bits a sample: Pillow's, with another picture of that depth as its own."""
    original = animated("apng", default_image=True)
    frames = original[original.index(b"fcTL") - 4 :]
    picture = corners(120, 80).colourspace("rgb16").pngsave_buffer(bitdepth=16)
    own = picture[picture.index(b"IDAT") - 4 : picture.index(b"IEND") - 4]
    control = original[original.index(b"acTL") - 4 : original.index(b"acTL") + 16]
    return picture[:33] + control + own + frames


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        (lambda: animated("avif"), None),
        (understated, "unsupported"),
        (lambda: with_number(animated("avif"), b"stsz", 12, 10**6), "unsupported"),
        (deep, "unsupported"),
    ],
    ids=["sound", "understated", "overlapping", "16 bit"],
)
def test_sequences_that_are_not_decoded(original: Callable[[], bytes], expected: str | None) -> None:
    header = inspect(original(), SETTINGS.limits)
    assert (header.moving, first_frame_reason(header, SETTINGS)) == (True, expected)
    drawn = draw(original(), SETTINGS)
    assert len(frames_of(drawn["avif"])) == len(frames_of(drawn["webp"])) == (1 if expected else 3)


def test_tiff_pages_are_not_an_animation() -> None:
    pages = animation().tiffsave_buffer()
    assert inspect(pages, SETTINGS.limits).pages == 3
    (first,) = render(pages, [Variant(256, 0, "webp")], SETTINGS)
    assert len(frames_of(first.data)) == 1


def test_still_gif_stays_still() -> None:
    (still,) = render(corners().gifsave_buffer(), [Variant(256, 0, "webp")], SETTINGS)
    assert len(frames_of(still.data)) == 1
