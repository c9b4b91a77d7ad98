"""Real pictures, good and hostile: each file has the outcome that the table says, and the good ones look right."""

import io
import os
from functools import cache
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import pyvips
from pictures import from_array, load, mean_difference
from PIL import Image as PillowImage
from PIL import ImageCms, ImageOps

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.decode import decode
from lambdas.imaging.formats import SNIFF_BYTES, require_original, sniff
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import Header, inspect
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import Derivative, render

CORPUS = Path(os.environ.get("DARKROOM_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))
SETTINGS = load_settings()

pillow_heif.register_heif_opener()

pytestmark = [
    pytest.mark.extra,
    pytest.mark.skipif(
        not CORPUS.is_dir(), reason=f"expected a corpus of pictures at {CORPUS} (or DARKROOM_CORPUS) but found none"
    ),
]

# file → upright width and height, or the code of its rejection
OUTCOMES: dict[str, tuple[int, int] | str] = {
    "animated/animated-loop-3.gif": (370, 285),
    "animated/animated-loop-3.webp": (370, 285),
    "animated/cogs.gif": (85, 77),
    "animated/rotating-earth.gif": (400, 400),
    "colour/channel_digital_image_cmyk_color.jpg": (500, 333),
    "colour/channel_digital_image_cmyk_color_no_profile.jpg": (500, 333),
    "colour/cmyk-orientation.jpg": (533, 800),
    "colour/gain-map.jpg": (3840, 2160),
    "colour/p3.png": (8, 8),
    "colour/prophoto.png": (1, 1),
    "colour/ultra-hdr.jpg": (3840, 2160),
    "formats/20mp.avif": (5472, 3648),
    "formats/alpha-2048x1536.png": (2048, 1536),
    "formats/document.pdf": "unsupported_format",
    "formats/indexed.png": (290, 442),
    "formats/logo.svg": "unsupported_format",
    "formats/lossy.webp": (550, 368),
    "formats/sample.tif": (290, 442),
    "hostile/16384x16384.png": "too_many_pixels",
    "hostile/65536-uint32-limit.png": "too_many_pixels",
    "hostile/99-megapixels.jpg": (9643, 10328),
    "hostile/big-height.webp": (13, 169),
    "hostile/corrupt-header.jpg": "corrupt",
    "hostile/decompression_bomb.gif": "corrupt",
    "hostile/decompression_bomb.ico": "unsupported_format",
    "hostile/giant-image.jpg": "too_many_pixels",
    "hostile/looks-like-svg.webp": (256, 256),
    "hostile/truncated.gif": "corrupt",
    "hostile/truncated.jpg": "corrupt",
    "hostile/truncated.png": "corrupt",
    **{f"hostile/fuzzed-{number}.bin": "not_an_image" for number in range(1, 21)},
    "orientation/avif-orientation-6.avif": (3024, 4032),
    **{f"orientation/landscape-{number}.jpg": (1800, 1200) for number in range(1, 9)},
    **{f"orientation/portrait-{number}.jpg": (1200, 1800) for number in range(1, 9)},
    "photos/berlin-8mp-gps.jpg": (3264, 2448),
    "photos/canon-1000d-orientation6.jpg": (2592, 3888),
    "photos/canon-5d3-22mp.jpg": (5760, 3840),
    "photos/exif-full-gps.jpg": (3024, 4032),
    "photos/htc-one-m8.jpg": (2688, 1520),
    "photos/iphone-12mp-2.heic": (4032, 3024),
    "photos/iphone-12mp.heic": (3024, 4032),
    "photos/iphone-6-plus.jpg": (2448, 3264),
    "photos/leica-t-orientation8.jpg": (3264, 4928),
    "photos/nikon-d90.jpg": (4288, 2848),
    "photos/sharp-benchmark-2725x2225.jpg": (2725, 2225),
}


@cache
def develop(file: str) -> tuple[Header, list[Derivative]]:
    data = (CORPUS / file).read_bytes()
    require_original(sniff(data[:SNIFF_BYTES]))
    header = inspect(data, SETTINGS.limits)
    return header, list(render(data, [Variant(256, 0, fmt) for fmt in ("avif", "webp", "jpeg")], SETTINGS))


def test_every_corpus_file_is_listed() -> None:
    found = {str(path.relative_to(CORPUS)) for path in CORPUS.glob("*/*")}
    assert found == set(OUTCOMES)


@pytest.mark.parametrize("file", OUTCOMES)
def test_outcome(file: str) -> None:
    expected = OUTCOMES[file]
    if isinstance(expected, str):
        with pytest.raises(RejectedError) as refused:
            develop(file)
        assert refused.value.code == expected
        return
    header, derivatives = develop(file)
    assert header.size == Size(*expected)
    for derivative in derivatives:
        # libvips opens the first frame of a sequence only with another brand.
        shown = load(inspect(derivative.data, SETTINGS.limits).structure.patched(derivative.data))
        assert (shown.width, shown.height) == (derivative.size.width, derivative.size.height)
        assert not shown.get_typeof("exif-data")
        assert not shown.get_typeof("icc-profile-data")


@pytest.mark.parametrize("scene", ["landscape", "portrait"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_orientations_match_their_upright_reference(scene: str, orientation: int) -> None:
    _, reference = develop(f"orientation/{scene}-1.jpg")
    _, turned = develop(f"orientation/{scene}-{orientation}.jpg")
    for want, got in zip(reference, turned, strict=True):
        # The number in each picture differs; everything else is the same scene.
        assert mean_difference(load(want.data), load(got.data)) < 6
        assert mean_difference(load(want.data), load(got.data).fliphor()) > 15


# file → its colours seen at 4 × 4 pixels, rows from the top, as hex; each picture was looked at and is upright
SEEN: dict[str, str] = {
    "photos/iphone-12mp.heic": (
        "417da4799dcb7397c466ade0344a61878ab28a84a9516e8b3c5a7686ace084a3d43e607c2a44565371904466843d647e"
    ),
    "photos/iphone-12mp-2.heic": (
        "868b4e858d4e999b628b8a5ab0ab8d7a755a6d6c5b9996834c4a49191b1e1f2121827d784e4d4a5d5d5c5152527c776f"
    ),
    "orientation/avif-orientation-6.avif": (
        "8e776493928d939c9ea8acaaa47549815d38907e639f9b91a566329a622d784e1478603e81603bd5a97f966a42907357"
    ),
}


@pytest.mark.parametrize("file", SEEN)
def test_files_turned_by_their_own_boxes_look_right(file: str) -> None:
    expected = pyvips.Image.new_from_memory(bytes.fromhex(SEEN[file]), 4, 4, 3, "uchar")
    for derivative in develop(file)[1]:
        seen = load(derivative.data).thumbnail_image(4, height=4, size="force")
        assert (seen - expected).abs().avg() < 4
        assert (seen.rot180() - expected).abs().avg() > 12, "expected a comparison that sees a turned picture"


@pytest.mark.parametrize(
    ("file", "delta_e"),
    [
        ("colour/channel_digital_image_cmyk_color.jpg", 1.0),
        ("colour/p3.png", 0.5),
        ("colour/prophoto.png", 0.5),
        ("photos/iphone-6-plus.jpg", 0.5),
        ("colour/ultra-hdr.jpg", 0.5),  # the base picture; its gain map is no part of it
        ("colour/gain-map.jpg", 0.5),
    ],
)
def test_profiles_are_converted_as_lcms_does(file: str, delta_e: float) -> None:
    """Mean CIEDE2000 to Pillow's conversion of the full picture, relative colorimetric, then reduced."""
    pixels = decoded(file)
    reference = lcms_reference(CORPUS / file).resize((pixels.width, pixels.height), PillowImage.Resampling.LANCZOS)
    assert pixels[:3].dE00(from_array(np.asarray(reference))).avg() < delta_e


def test_cmyk_without_a_profile_is_close_to_the_same_picture_with_one() -> None:
    with_profile = decoded("colour/channel_digital_image_cmyk_color.jpg")
    without = decoded("colour/channel_digital_image_cmyk_color_no_profile.jpg")
    assert without.dE00(with_profile).avg() < 6
    assert without.invert().dE00(with_profile).avg() > 20, "expected a comparison that sees inverted inks"


def decoded(file: str) -> pyvips.Image:
    data = (CORPUS / file).read_bytes()
    header = inspect(data, SETTINGS.limits)
    factor = min(1.0, 400 / header.size.width)
    return decode(data, header, header.size.scaled(factor), Deadline(30))


# Mean CIEDE2000 between Darkroom and Pillow at 256 pixels; files that may differ by more, and why.
ORACLE_DELTA_E = 1.5
_INKS = "inks without a profile: Pillow inverts them, Darkroom converts them by a printing profile"
DIFFERENCES: dict[str, tuple[float, str]] = {
    "colour/channel_digital_image_cmyk_color_no_profile.jpg": (12, _INKS),
    "colour/cmyk-orientation.jpg": (12, _INKS),
}


@pytest.mark.parametrize("file", [file for file, outcome in OUTCOMES.items() if not isinstance(outcome, str)])
def test_pillow_sees_the_same(file: str) -> None:
    expected, _reason = DIFFERENCES.get(file, (ORACLE_DELTA_E, ""))
    data = (CORPUS / file).read_bytes()
    header = inspect(data, SETTINGS.limits)
    size = header.size.scaled(min(1.0, 256 / max(header.size.width, header.size.height)))
    drawn = on_white(decode(data, header, size, Deadline(30)))
    seen = by_pillow(CORPUS / file).resize((size.width, size.height), PillowImage.Resampling.LANCZOS)
    assert drawn.dE00(from_array(np.asarray(seen))).avg() < expected


def on_white(pixels: pyvips.Image) -> pyvips.Image:
    return pixels.flatten(background=255) if pixels.hasalpha() else pixels


def by_pillow(file: Path) -> PillowImage.Image:
    """Decode with Pillow and pillow-heif: upright, converted to sRGB by the embedded profile, on white."""
    with PillowImage.open(file) as opened:
        opened.draft("RGB" if opened.mode != "CMYK" else "CMYK", (1024, 1024))
        # pillow-heif turns a HEIC itself.
        upright = opened if opened.format == "HEIF" else ImageOps.exif_transpose(opened)
        profile = opened.info.get("icc_profile")
        if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
            picture = upright.convert("RGBA")
            return PillowImage.alpha_composite(PillowImage.new("RGBA", picture.size, "white"), picture).convert("RGB")
        colours = upright if upright.mode in ("RGB", "CMYK") else upright.convert("RGB")
        if profile is None:
            return colours.convert("RGB")
        source, relative = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.Intent.RELATIVE_COLORIMETRIC
        return ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), relative, outputMode="RGB")


def lcms_reference(file: Path) -> PillowImage.Image:
    with PillowImage.open(file) as opened:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(opened.info["icc_profile"]))
        upright = ImageOps.exif_transpose(opened)
    colours = upright if upright.mode in ("RGB", "CMYK") else upright.convert("RGB")
    relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.profileToProfile(colours, profile, ImageCms.createProfile("sRGB"), relative, outputMode="RGB")
