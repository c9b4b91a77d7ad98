"""Colour spaces given by code points and chunks instead of a profile."""

import struct
import zlib
from collections.abc import Callable

import pytest
import pyvips
from pictures import avif, colour_at, corners, flat, heic, load, mean_difference, with_orientation

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.colour.code_points import CodePoints, coded_profile
from lambdas.imaging.containers.isobmff import read_items
from lambdas.imaging.containers.png import png_profile
from lambdas.imaging.inspect import inspect
from lambdas.imaging.render import render

SETTINGS = load_settings()
P3_RED = (234, 51, 35)  # sRGB's pure red, coded in Display P3
P3 = CodePoints(12, 13)


def with_chunks(png: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Put chunks behind a PNG's header."""
    written = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return png[:33] + written + png[33:]


def png(colour: tuple[int, ...], *chunks: tuple[bytes, bytes]) -> bytes:
    return with_chunks(flat(colour).pngsave_buffer(), *chunks)


def recoded(data: bytes, primaries: int, transfer: int) -> bytes:
    """Return the AVIF or HEIC ``data`` with other code points in its nclx box."""
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def code_points(data: bytes) -> CodePoints | None:
    items = read_items(data)
    return items and items.picture.code_points


def shown(original: bytes) -> list[int]:
    (derivative,) = render(original, [Variant(256, 0, "webp")], SETTINGS)
    return colour_at(load(derivative.data), 32, 32)


@pytest.mark.parametrize("write", [avif, heic])
def test_display_p3_by_nclx_is_converted(write: Callable[[pyvips.Image], bytes]) -> None:
    plain = write(flat(P3_RED))
    assert code_points(plain) == CodePoints(1, 13)
    assert inspect(plain, SETTINGS.limits).profile is None
    assert shown(plain) == pytest.approx(P3_RED, abs=8)

    wide = recoded(plain, 12, 13)
    assert code_points(wide) == P3
    assert inspect(wide, SETTINGS.limits).profile == "Display P3"
    assert shown(wide) == pytest.approx((255, 0, 0), abs=8)


def test_embedded_profile_takes_precedence_over_nclx() -> None:
    image = flat((255, 0, 0)).icc_transform("p3", input_profile="srgb")
    data = image.heifsave_buffer(compression="av1", Q=95, subsample_mode="off", keep="icc")
    header = inspect(data, SETTINGS.limits)
    assert header.embedded is not None
    assert header.coded is None
    assert shown(data) == pytest.approx((255, 0, 0), abs=8)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (CodePoints(1, 13), None),
        (CodePoints(2, 2), None),
        (CodePoints(1, 1), None),
        (CodePoints(65_535, 65_535), None),
        (P3, "Display P3"),
        (CodePoints(9, 16), "BT.2020 PQ"),
        (CodePoints(9, 18), "BT.2020 HLG"),
        (CodePoints(1, 8), "BT.709 linear"),
    ],
)
def test_profiles_of_code_points(code: CodePoints, name: str | None) -> None:
    found = coded_profile(code)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    "code", [P3, CodePoints(9, 13), CodePoints(5, 4), CodePoints(6, 8), CodePoints(11, 5), CodePoints(4, 16)]
)
@pytest.mark.parametrize("grey", [0, 64, 128, 255])
def test_greys_stay_grey(code: CodePoints, grey: int) -> None:
    red, green, blue = shown(recoded(avif(flat((grey, grey, grey))), code.primaries, code.transfer))
    assert max(red, green, blue) - min(red, green, blue) <= 3


def test_display_p3_equals_the_profile_of_lcms() -> None:
    made = coded_profile(P3)
    assert made is not None
    for colour in ((200, 60, 50), (20, 200, 90), (30, 40, 220), (128, 128, 128), (5, 9, 14), (250, 240, 10)):
        image = flat(colour).copy()
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", made.icc)
        ours = image.icc_transform("srgb", embedded=True)
        theirs = flat(colour).icc_transform("srgb", input_profile="p3")
        assert colour_at(ours, 1, 1) == pytest.approx(colour_at(theirs, 1, 1), abs=1)


def test_hdr_highlights_remain_distinct() -> None:
    """PQ: 58 % is diffuse white, 75 % a bulb; both are shown, the bulb brighter."""
    white, bulb, black = (shown(recoded(avif(flat((level, level, level))), 9, 16))[1] for level in (148, 192, 0))
    assert black == pytest.approx(0, abs=2)
    assert 200 < white < bulb <= 255


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_truncated_boxes_raise_nothing(cut: int) -> None:
    code_points(avif(flat((1, 2, 3)))[:cut])


CICP_P3, CICP_SRGB = (b"cICP", bytes((12, 13, 0, 1))), (b"cICP", bytes((1, 13, 0, 1)))
GAMMA_1 = (b"gAMA", (100_000).to_bytes(4, "big"))
GAMMA_SRGB = (b"gAMA", (45_455).to_bytes(4, "big"))
CHRM_SRGB = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
CHRM_P3 = (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
CHRM_FLAT = (b"cHRM", struct.pack(">8I", 31270, 32900, *[30000] * 6))
SRGB = (b"sRGB", b"\0")


@pytest.mark.parametrize(
    ("chunks", "name"),
    [
        ([], None),
        ([CICP_P3], "Display P3"),
        ([CICP_P3, SRGB], "Display P3"),
        ([CICP_SRGB, GAMMA_1], None),
        ([GAMMA_1], "gamma 1.00"),
        ([GAMMA_1, SRGB], None),
        ([GAMMA_SRGB], None),
        ([GAMMA_SRGB, CHRM_SRGB], None),
        ([GAMMA_SRGB, CHRM_P3], "gamma 2.20"),
        ([CHRM_P3], None),
        ([GAMMA_1, CHRM_FLAT], None),
        ([(b"gAMA", bytes(4))], None),
        ([(b"gAMA", b"\xff" * 4)], None),
        ([(b"gAMA", b"\1")], None),
    ],
)
def test_profile_of_png_chunks(chunks: list[tuple[bytes, bytes]], name: str | None) -> None:
    found = png_profile(png((1, 2, 3), *chunks))
    assert (found.name if found else None) == name


def test_png_colours_are_converted() -> None:
    assert shown(png(P3_RED, CICP_P3)) == pytest.approx((255, 0, 0), abs=6)
    assert shown(png((55, 55, 55), GAMMA_1)) == pytest.approx((128, 128, 128), abs=4)
    assert shown(png((55, 55, 55))) == pytest.approx((55, 55, 55), abs=2)


def test_grey_png_with_gamma_is_converted() -> None:
    grey = with_chunks(flat((55,)).copy(interpretation="b-w").pngsave_buffer(), GAMMA_1)
    assert shown(grey)[:3] == pytest.approx((128, 128, 128), abs=4)


def test_png_with_code_points_is_turned_upright() -> None:
    upright = corners(240, 160)
    stored = with_chunks(with_orientation(upright, 6).pngsave_buffer(), CICP_P3)
    (derivative,) = render(stored, [Variant(256, 0, "webp")], SETTINGS)
    turned = load(derivative.data)
    assert (turned.width, turned.height) == (240, 160)
    assert mean_difference(turned, upright) < 15
