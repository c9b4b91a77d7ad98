"""Derivatives are in sRGB without a profile, whatever the colour space of the original."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import pyvips
from pictures import colour_at, corners, flat, load
from PIL import Image as PillowImage

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.colour.code_points import CodePoints, coded_profile, srgb_to_linear
from lambdas.imaging.colour.conversion import is_srgb, loading_options
from lambdas.imaging.colour.icc import Chromaticities, matrix_profile
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.decode import decode
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import inspect
from lambdas.imaging.render import render

SETTINGS = load_settings()
SRGB_PRIMARIES = Chromaticities((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290))
MUTED = [(176, 96, 84), (92, 140, 100), (88, 96, 150), (128, 128, 128), (240, 236, 228), (30, 30, 34)]


def in_display_p3(image: pyvips.Image) -> bytes:
    return image.icc_transform("p3", input_profile="srgb").pngsave_buffer()


def in_cmyk(image: pyvips.Image) -> bytes:
    return image.icc_transform("cmyk", input_profile="srgb").jpegsave_buffer(Q=98, subsample_mode="off")


def in_cmyk_without_profile(image: pyvips.Image) -> bytes:
    cmyk = image.icc_transform("cmyk", input_profile="srgb")
    return cmyk.jpegsave_buffer(Q=98, subsample_mode="off", keep="none")


def in_16_bit(image: pyvips.Image) -> bytes:
    return (image.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16").pngsave_buffer()


def in_lab(image: pyvips.Image) -> bytes:
    return image.colourspace("lab").tiffsave_buffer()


def in_palette(image: pyvips.Image) -> bytes:
    return image.pngsave_buffer(palette=True)


@pytest.mark.parametrize(
    ("write", "space", "tolerance"),
    [
        (in_display_p3, "srgb", 2),
        (in_cmyk, "cmyk", 6),
        (in_cmyk_without_profile, "cmyk", 6),
        (in_16_bit, "rgb16", 1),
        (in_lab, "lab", 2),
        (in_palette, "srgb", 1),
    ],
)
@pytest.mark.parametrize("colour", MUTED)
def test_colours_survive(
    write: Callable[[pyvips.Image], bytes], space: str, tolerance: int, colour: tuple[int, int, int]
) -> None:
    original = write(flat(colour))
    assert inspect(original, SETTINGS.limits).color_space == space
    for derivative in render(original, [Variant(256, 0, out) for out in ("avif", "webp", "jpeg")], SETTINGS):
        shown = load(derivative.data)
        assert (shown.bands, shown.format, str(shown.interpretation)) == (3, "uchar", "srgb")
        off = max(abs(got - want) for got, want in zip(colour_at(shown, 32, 32), colour, strict=True))
        assert off <= tolerance + 3, f"{derivative.variant}: expected {colour} but received {colour_at(shown, 32, 32)}"


def test_display_p3_is_converted_not_just_stripped() -> None:
    red = (234, 51, 35)  # sRGB's pure red, coded in Display P3
    coded = pyvips.Image.new_from_buffer(in_display_p3(flat((255, 0, 0))), "")
    assert colour_at(coded, 1, 1) == pytest.approx(red, abs=2), "expected an original that needs converting"
    (derivative,) = render(in_display_p3(flat((255, 0, 0))), [Variant(256, 0, "webp")], SETTINGS)
    assert colour_at(load(derivative.data), 32, 32) == pytest.approx((255, 0, 0), abs=6)


def test_greyscale() -> None:
    grey = flat((120,)).copy(interpretation="b-w").jpegsave_buffer(Q=95)
    assert inspect(grey, SETTINGS.limits).color_space == "b-w"
    for derivative in render(grey, [Variant(256, 0, out) for out in ("avif", "webp", "jpeg")], SETTINGS):
        assert colour_at(load(derivative.data).colourspace("srgb"), 9, 9) == pytest.approx((120, 120, 120), abs=3)


def test_profile_is_named() -> None:
    assert "P3" in (inspect(in_display_p3(flat((1, 2, 3))), SETTINGS.limits).profile or "")
    assert inspect(flat((1, 2, 3)).pngsave_buffer(), SETTINGS.limits).profile is None


def attached(image: pyvips.Image, profile: bytes) -> bytes:
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image.jpegsave_buffer(Q=95, subsample_mode="off")


def of_class(profile: bytes, kind: bytes) -> bytes:
    return profile[:12] + kind + profile[16:]


def broken_curve(profile: bytes) -> bytes:
    """Return ``profile`` with its tone curves overwritten: its header is sound, a conversion cannot be made."""
    return profile.replace(b"curv", b"none").replace(b"para", b"none")


P3_PROFILE = pyvips.Image.new_from_buffer(in_display_p3(flat((1, 2, 3))), "").get("icc-profile-data")
UNUSABLE: dict[str, tuple[bytes, str]] = {
    "noise": (b"noise" * 99, "damaged"),
    "cut short": (P3_PROFILE[:200], "damaged"),
    "broken curve": (broken_curve(P3_PROFILE), "damaged"),
    "of another colour space": (
        flat((1, 2, 3)).icc_transform("cmyk", input_profile="srgb").get("icc-profile-data"),
        "unsuitable",
    ),
    "device link": (of_class(P3_PROFILE, b"link"), "unsuitable"),
    "named colours": (of_class(P3_PROFILE, b"nmcl"), "unsuitable"),
    "abstract": (of_class(P3_PROFILE, b"abst"), "unsuitable"),
}


def by_pillow(image: pyvips.Image, fmt: str, profile: bytes) -> bytes:
    """Write ``image`` with ``profile``, which libvips would refuse to embed."""
    written = io.BytesIO()
    mode = "CMYK" if image.bands == 4 else "RGB"
    picture = PillowImage.frombytes(mode, (image.width, image.height), image.write_to_memory())
    picture.save(written, fmt, icc_profile=profile, **({"quality": 95} if fmt in ("JPEG", "WEBP") else {}))
    return written.getvalue()


@pytest.mark.parametrize("wrong", UNUSABLE)
@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_unusable_profile_is_ignored_and_noted(wrong: str, fmt: str) -> None:
    profile, why = UNUSABLE[wrong]
    original = by_pillow(flat((176, 96, 84)), fmt, profile)
    header = inspect(original, SETTINGS.limits)
    assert header.profile is None
    # libpng removes some of them itself.
    assert header.profile_ignored == why or (fmt == "PNG" and header.profile_ignored is None)
    (derivative,) = render(original, [Variant(256, 0, "jpeg")], SETTINGS)
    assert colour_at(load(derivative.data), 9, 9) == pytest.approx((176, 96, 84), abs=5)


@pytest.mark.parametrize("fmt", ["JPEG", "TIFF"])
def test_unusable_profile_of_inks_is_replaced_by_the_fallback(fmt: str) -> None:
    inks = flat((176, 96, 84)).icc_transform("cmyk", input_profile="srgb")
    original = by_pillow(inks, fmt, P3_PROFILE)
    assert inspect(original, SETTINGS.limits).profile_ignored == "unsuitable"
    (derivative,) = render(original, [Variant(256, 0, "webp")], SETTINGS)
    assert colour_at(load(derivative.data), 9, 9) == pytest.approx((176, 96, 84), abs=9)


@pytest.mark.parametrize("marked", [True, False])
def test_cmyk_jpeg_is_read_as_inverted_with_or_without_adobe_marker(marked: bool) -> None:
    """Inverted, that is: viewers read them so even where the marker that should say it is missing."""
    original = in_cmyk_without_profile(flat((176, 96, 84)))
    start = original.index(b"\xff\xee")
    length = int.from_bytes(original[start + 2 : start + 4], "big")
    if not marked:
        original = original[:start] + original[start + 2 + length :]
    assert (b"Adobe" in original) is marked
    (derivative,) = render(original, [Variant(256, 0, "webp")], SETTINGS)
    assert colour_at(load(derivative.data), 9, 9) == pytest.approx((176, 96, 84), abs=9)


@pytest.mark.parametrize("profile", ["srgb", "p3", None])
def test_16_bits_become_8_without_banding(profile: str | None) -> None:
    ramp = np.repeat(np.tile(np.linspace(0, 65_535, 1024), (64, 1))[..., None], 3, 2).astype(np.uint16)
    deep = pyvips.Image.new_from_array(ramp).copy(interpretation="rgb16")
    if profile is not None:
        deep = deep.icc_transform(profile, input_profile="srgb", depth=16)
    original = deep.pngsave_buffer()
    pixels = decode(original, inspect(original, SETTINGS.limits), Size(1024, 64), Deadline(10))
    row = pixels[1].crop(0, 32, 1024, 1).numpy()[0].astype(int)
    steps = np.diff(row)
    assert (steps.min(), steps.max()) in {(0, 1), (-1, 1)}, "expected every level after the one before it"
    assert (row[0], row[-1], len(set(row))) == (0, 255, 256)


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_avif_of_any_depth(bits: int) -> None:
    deep = (flat((176, 96, 84)).cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    original = (deep if bits > 8 else flat((176, 96, 84))).heifsave_buffer(
        compression="av1", effort=0, bitdepth=bits, Q=90, subsample_mode="off"
    )
    for derivative in render(original, [Variant(256, 0, out) for out in ("avif", "webp", "jpeg")], SETTINGS):
        assert colour_at(load(derivative.data), 32, 32) == pytest.approx((176, 96, 84), abs=6)


def embedded_by(name: str) -> bytes:
    """Return one of the profiles that libvips brings along."""
    return flat((1, 2, 3)).icc_transform(name, input_profile="srgb").get("icc-profile-data")


def conversion(original: bytes) -> dict[str, str]:
    return loading_options(inspect(original, SETTINGS.limits))


@pytest.mark.parametrize("name", ["sRGB", "some camera's own"])
def test_srgb_profile_under_any_name_is_not_converted(name: str) -> None:
    profile = matrix_profile(name, SRGB_PRIMARIES, srgb_to_linear)
    original = attached(corners(), profile)
    assert inspect(original, SETTINGS.limits).profile == name
    assert conversion(original) == {}
    header = inspect(original, SETTINGS.limits)
    drawn = decode(original, header, Size(240, 160), Deadline(30)).numpy().astype(int)
    converted = pyvips.Image.new_from_buffer(original, "").icc_transform("srgb", embedded=True).numpy().astype(int)
    assert np.abs(drawn - converted).max() <= 1


def test_other_profiles_are_converted() -> None:
    bluish = matrix_profile(
        "sRGB", Chromaticities((0.64, 0.33), (0.30, 0.60), (0.15, 0.08), (0.3127, 0.3290)), srgb_to_linear
    )
    darker = matrix_profile("sRGB", SRGB_PRIMARIES, lambda value: value**2.4)
    for profile in (embedded_by("p3"), bluish, darker):
        assert conversion(attached(corners(), profile)) != {}, "expected a conversion"
    assert conversion(in_cmyk(corners())) != {}, "expected inks to be converted"
    oversized = matrix_profile("sRGB", SRGB_PRIMARIES, srgb_to_linear) + bytes(100_000)
    assert not is_srgb(oversized), "expected a profile that is too large to be held not to be looked at"


def test_code_points_take_precedence_over_an_srgb_profile() -> None:
    header = inspect(attached(corners(), embedded_by("srgb")), SETTINGS.limits)
    coded = replace(header, coded=coded_profile(CodePoints(12, 13)))
    assert (loading_options(header), loading_options(coded)) == ({}, {"output_profile": "srgb"})
