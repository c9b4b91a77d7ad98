from collections import Counter
from functools import cache
from typing import Any

import pytest
import pyvips
from pictures import corners, load, mean_difference, with_orientation

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging import render as drawing
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.decode import decode, jpeg_shrink
from lambdas.imaging.formats import sniff
from lambdas.imaging.geometry import Focus, Size
from lambdas.imaging.inspect import inspect
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import Derivative, render

SETTINGS = load_settings()
PHOTO, LARGE = corners(2000, 1500), corners(2400, 1600)
ORIGINAL = PHOTO.jpegsave_buffer(Q=92)


@cache
def eager() -> dict[Variant, Derivative]:
    """Draw every variant that is made ahead."""
    return {each.variant: each for each in render(ORIGINAL, SETTINGS.eager_variants, SETTINGS)}


def test_all_eager_variants() -> None:
    drawn = eager()
    assert set(drawn) == set(SETTINGS.eager_variants)
    for variant, derivative in drawn.items():
        shown = load(derivative.data)
        assert sniff(derivative.data) == variant.format
        assert (shown.width, shown.height) == (variant.width, variant.width * 3 // 4)
        assert (shown.width, shown.height) == (derivative.size.width, derivative.size.height)
        assert mean_difference(shown, PHOTO) < 2.5


def test_a_group_is_decoded_once_and_each_smaller_rung_is_shrunk_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()

    def counted(name: str) -> None:
        original = getattr(drawing, name)

        def counting(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(drawing, name, counting)

    for name in ("decode", "shrink", "encode"):
        counted(name)
    assert len(list(render(ORIGINAL, SETTINGS.eager_variants, SETTINGS))) == 12
    assert calls == {"decode": 1, "shrink": 3, "encode": 12}


@pytest.mark.parametrize(
    ("original", "drawn", "expected"),
    [
        ((1600, 1200), (1600, 1200), 1),
        ((4799, 3600), (1600, 1200), 1),
        ((4800, 3600), (1600, 1200), 2),
        ((3264, 4928), (1600, 2416), 1),  # upright, whichever way it is stored
        ((9600, 7200), (1600, 1200), 4),
        ((19200, 14400), (1600, 1200), 8),
        ((4800, 3600), (64, 48), 8),
        ((4800, 1), (64, 1), 1),
    ],
)
def test_jpeg_shrink_on_load_factor(original: tuple[int, int], drawn: tuple[int, int], expected: int) -> None:
    assert jpeg_shrink(Size(*original), Size(*drawn)) == expected


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_shrunk_on_load_looks_the_same(orientation: int) -> None:
    original = with_orientation(LARGE, orientation).jpegsave_buffer(Q=95)
    header = inspect(original, SETTINGS.limits)
    assert jpeg_shrink(header.size, Size(256, 171)) == 4
    shown = decode(original, header, Size(256, 171), Deadline(30))
    assert mean_difference(shown, LARGE) < 1.5


def test_rungs_above_the_original_have_the_same_bytes() -> None:
    small = corners(300, 200).pngsave_buffer()
    drawn = {str(each.variant): each for each in render(small, SETTINGS.eager_variants, SETTINGS)}
    assert (drawn["256x0.webp"].size.width, drawn["256x0.webp"].size.height) == (256, 171)
    for fmt in ("avif", "webp", "jpeg"):
        above = [drawn[f"{width}x0.{fmt}"] for width in (512, 1024, 1600)]
        assert {each.data for each in above} == {above[0].data}
        assert (load(above[0].data).width, load(above[0].data).height) == (300, 200)


@pytest.mark.parametrize(
    ("variant", "size"),
    [
        ("512x512.webp", (512, 512)),
        ("512x288.avif", (512, 288)),
        ("1600x1600.jpeg", (1500, 1500)),  # stops at what the original can fill
    ],
)
def test_crop_sizes(variant: str, size: tuple[int, int]) -> None:
    (derivative,) = render(ORIGINAL, [Variant.parse(variant)], SETTINGS)
    shown = load(derivative.data)
    assert (shown.width, shown.height) == size


@pytest.mark.parametrize(("strategy", "expected"), [("attention", "right"), ("centre", "middle")])
def test_crop_strategies(strategy: str, expected: str) -> None:
    dull = (pyvips.Image.black(1600, 400, bands=3) + 128).cast("uchar").copy(interpretation="srgb")
    striking = dull.draw_rect([250, 60, 40], 1350, 120, 160, 160, fill=True)
    rendering = SETTINGS.rendering.model_copy(update={"crop": strategy})
    settings = SETTINGS.model_copy(update={"rendering": rendering})
    (derivative,) = render(striking.pngsave_buffer(), [Variant(256, 256, "jpeg")], settings)
    reddest = load(derivative.data).extract_band(0).max()
    assert ("right" if reddest > 200 else "middle") == expected


@pytest.mark.parametrize(
    ("focus", "expected"),
    [
        (Focus(0.1, 0.5), ["left"]),
        (Focus(0.9, 0.5), ["right"]),
        (Focus(0.0, 0.0), ["left"]),
        (Focus(1.0, 1.0), ["right"]),
        (Focus(0.5, 0.5), []),
    ],
)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_crops_keep_the_focus_of_the_upright_picture_in_view(
    focus: Focus, expected: list[str], orientation: int
) -> None:
    """The picture is grey, red at its left end and blue at its right one."""
    grey = (pyvips.Image.black(1600, 400, bands=3) + 128).cast("uchar").copy(interpretation="srgb")
    marked = grey.draw_rect([250, 30, 30], 0, 0, 200, 400, fill=True)
    upright = marked.draw_rect([30, 30, 250], 1400, 0, 200, 400, fill=True)
    original = with_orientation(upright, orientation).jpegsave_buffer(Q=95)
    (derivative,) = render(original, [Variant(256, 256, "jpeg")], SETTINGS, focus=focus)
    shown = load(derivative.data)
    reddest, bluest = (shown.extract_band(band).max() > 200 for band in (0, 2))
    assert [side for side, seen in (("left", reddest), ("right", bluest)) if seen] == expected


def test_variant_bytes_do_not_depend_on_the_group() -> None:
    together = eager()
    for variant in (Variant(256, 0, "webp"), Variant(512, 0, "avif"), Variant(1024, 0, "jpeg")):
        (alone,) = render(ORIGINAL, [variant], SETTINGS)
        assert alone.data == together[variant].data


@pytest.mark.parametrize("fmt", ["avif", "webp", "jpeg"])
def test_variant_bytes_do_not_depend_on_the_number_of_threads(fmt: str) -> None:
    before = pyvips.concurrency_get()
    drawn = set()
    try:
        for threads in (1, 2, 4):
            pyvips.concurrency_set(threads)
            drawn.update(each.data for each in render(ORIGINAL, [Variant(512, 0, fmt)], SETTINGS))
            assert pyvips.concurrency_get() == threads
    finally:
        pyvips.concurrency_set(before)
    assert len(drawn) == 1


@pytest.mark.parametrize("fmt", ["jpeg", "png", "webp", "gif", "tiff", "avif"])
@pytest.mark.parametrize("kept", [0.35, 0.9])
def test_a_truncated_file_is_corrupt(fmt: str, kept: float) -> None:
    writers = {
        "jpeg": lambda image: image.jpegsave_buffer(),
        "png": lambda image: image.pngsave_buffer(),
        "webp": lambda image: image.webpsave_buffer(),
        "gif": lambda image: image.gifsave_buffer(),
        "tiff": lambda image: image.tiffsave_buffer(),
        "avif": lambda image: image.heifsave_buffer(compression="av1", effort=0),
    }
    whole = writers[fmt](corners(400, 300))
    assert list(render(whole, [Variant(256, 0, "jpeg")], SETTINGS)), "expected the whole file to be drawn"
    with pytest.raises(RejectedError) as refused:
        list(render(whole[: int(len(whole) * kept)], [Variant(256, 0, "jpeg")], SETTINGS))
    assert refused.value.code == "corrupt"


def test_ultra_hdr_is_drawn_without_its_gain_map() -> None:
    picture = corners(400, 300)
    original = (picture.colourspace("scrgb") * 3).copy(interpretation="scrgb").uhdrsave_buffer()
    assert original.count(b"\xff\xd8\xff") > 1, "expected an original with a second picture in it"
    base = pyvips.Image.jpegload_buffer(original).icc_transform("srgb", embedded=True)
    assert inspect(original, SETTINGS.limits).codec == "jpeg"
    for derivative in render(original, [Variant(256, 0, fmt) for fmt in ("avif", "webp", "jpeg")], SETTINGS):
        assert mean_difference(load(derivative.data), base) < 3
        assert derivative.data.count(b"\xff\xd8\xff") == (derivative.variant.format == "jpeg")
        assert b"hdrgm" not in derivative.data


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"text"])
def test_other_bytes_are_corrupt(data: bytes) -> None:
    with pytest.raises(RejectedError) as refused:
        list(render(data, [Variant(256, 0, "jpeg")], SETTINGS))
    assert refused.value.code == "corrupt"


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000), (20_000, 2)])
def test_extreme_shapes(size: tuple[int, int]) -> None:
    original = (pyvips.Image.black(*size, bands=3) + 100).cast("uchar").copy(interpretation="srgb").pngsave_buffer()
    variants = [
        Variant(width, height, fmt) for width, height in ((256, 0), (256, 256)) for fmt in ("avif", "webp", "jpeg")
    ]
    for derivative in render(original, variants, SETTINGS):
        assert (load(derivative.data).width, load(derivative.data).height) == (
            derivative.size.width,
            derivative.size.height,
        )


@pytest.mark.parametrize("loader", ["svg", "pdf", "ppm", "csv", "vips", "rad"])
def test_other_loaders_are_blocked(loader: str) -> None:
    texts = {
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        "pdf": b"%PDF-1.4\n",
        "ppm": b"P3 1 1 255 1 2 3\n",
        "csv": b"1,2\n3,4\n",
        "vips": b"\x08\xf2\xa6\xb6" + bytes(60),
        "rad": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n\1\2\3\4",
    }
    with pytest.raises(RejectedError, match="not in a known format") as refused:
        list(render(texts[loader], [Variant(256, 0, "jpeg")], SETTINGS))
    assert refused.value.code == "corrupt"
