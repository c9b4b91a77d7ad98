"""JPEG XL originals: their header by our own parser, what is drawn of them, what is refused."""

import struct
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest
from jxl_writer import jxl
from pictures import colour_at, corners, exif_of, flat, load, mean_difference
from test_lost_range import ADOBE_RGB, profiled

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.containers.jxl import read_jxl
from lambdas.imaging.deadline import Deadline, OutOfTimeError
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import inspect
from lambdas.imaging.libjxl import JxlTooLargeError, jxl_pixels, read_jxl_header
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render
from lambdas.metadata.describe import describe
from operations.calibration.scenes.color_profile import display_p3

SETTINGS = load_settings()
PIXELS = corners().numpy()
DEEP = PIXELS.astype(np.uint16) * 257
P3_RED, RED = np.full((64, 64, 3), (234, 51, 35), np.uint8), (255, 0, 0)
TURNED = b"\0\0\0\0" + exif_of(6)[6:]
MEMORY = 10**9
DISPLAY_P3 = {"primaries": 11}
PQ, HLG = {"primaries": 9, "transfer": 16}, {"primaries": 9, "transfer": 18}


def with_alpha(pixels: np.ndarray, alpha: int) -> np.ndarray:
    return np.dstack([pixels, np.full(pixels.shape[:2], alpha, pixels.dtype)])


def drawn(data: bytes, fmt: str = "webp") -> Any:
    (derivative,) = render(data, [Variant(256, 0, fmt)], SETTINGS)  # type: ignore[arg-type]
    return load(derivative.data)


def in_parts(data: bytes, size: int = 5) -> bytes:
    """Put a naked codestream into a container, in parts of which the first has ``size`` bytes."""

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", len(body) + 8, kind) + body

    head = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    first, last = box(b"jxlp", bytes(4) + data[:size]), box(b"jxlp", b"\x80\0\0\1" + data[size:])
    return head + first + last


@pytest.mark.parametrize(
    "write",
    [
        lambda: jxl(PIXELS),
        lambda: jxl(PIXELS, lossless=True),
        lambda: jxl(DEEP, lossless=True),
        lambda: jxl(DEEP),
        lambda: jxl((PIXELS / 255).astype(np.float32)),
        lambda: jxl(PIXELS, boxes=((b"Exif", TURNED),)),
        lambda: in_parts(jxl(PIXELS)),
        lambda: imagecodecs.jpegxl_encode(PIXELS),
        lambda: imagecodecs.jpegxl_encode_jpeg(corners().jpegsave_buffer(Q=95), usecontainer=True),
    ],
)
def test_pictures_are_drawn(write: Callable[[], bytes]) -> None:
    data = write()
    assert inspect(data, SETTINGS.limits).size == Size(240, 160)
    assert mean_difference(drawn(data), corners()) < 3


@pytest.mark.parametrize("bands", [1, 2])
def test_grey_is_drawn(bands: int) -> None:
    grey = corners().colourspace("b-w")
    data = jxl(np.dstack([grey.numpy()] * bands) if bands == 1 else with_alpha(grey.numpy()[..., None], 255))
    metadata, _ = describe(data, "jxl", SETTINGS)
    assert (metadata.color_space, metadata.profile, metadata.alpha) == ("b-w", None, bands == 2)
    assert mean_difference(drawn(data), grey) < 3


@pytest.mark.parametrize("premultiplied", [False, True])
def test_alpha_is_never_multiplied_in(premultiplied: bool) -> None:
    colour = (100, 25, 10) if premultiplied else (200, 50, 20)
    data = jxl(with_alpha(np.full((64, 64, 3), colour, np.uint8), 128), lossless=True, premultiplied=premultiplied)
    assert colour_at(drawn(data), 32, 32) == pytest.approx((200, 50, 20, 128), abs=4)


@pytest.mark.parametrize(
    ("written", "profile", "lost"),
    [
        ({}, None, ("none", "kept")),
        (DISPLAY_P3, "Display P3", ("none", "reduced")),
        ({**DISPLAY_P3, "lossless": True}, "Display P3", ("none", "reduced")),
        ({"icc": display_p3()}, "Display P3", ("none", "reduced")),
        ({"icc": profiled(ADOBE_RGB)}, "made", ("none", "reduced")),
        (PQ, "BT.2020 PQ", ("dropped", "reduced")),
        (HLG, "BT.2020 HLG", ("dropped", "reduced")),
        ({"boxes": ((b"jhgm", b"a map of gains"),)}, None, ("dropped", "kept")),
        ({"boxes": ((b"jhgm", b"a map of gains"),), "compressed": True}, None, ("dropped", "kept")),
    ],
)
def test_what_is_lost_of_its_colours_is_said(written: dict[str, Any], profile: str | None, lost: tuple) -> None:
    metadata, _ = describe(jxl(PIXELS, **written), "jxl", SETTINGS)
    assert (metadata.profile, (metadata.hdr, metadata.gamut)) == (profile, lost)


@pytest.mark.parametrize(("nits", "hdr"), [(0, False), (1000, True)])
def test_light_beyond_white_is_hdr(nits: int, hdr: bool) -> None:
    bright = jxl((PIXELS / 255).astype(np.float32), transfer=8, nits=nits)
    assert inspect(bright, SETTINGS.limits).hdr is hdr


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("written", [DISPLAY_P3, {"icc": display_p3()}])
def test_colours_are_converted(written: dict[str, Any], lossless: bool) -> None:
    data = jxl(P3_RED, lossless=lossless, **written)
    assert colour_at(drawn(data), 32, 32) == pytest.approx(RED, abs=8)


@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8])
def test_other_curves_are_converted(gamma: float) -> None:
    """The decoder keeps lossless samples as they are, and the profile that it makes says how they are coded."""
    coded = (255 * (flat((55, 128, 200)).numpy() / 255) ** (2.2 * gamma)).round().astype(np.uint8)
    data = jxl(coded, lossless=True, transfer=65_535, gamma=gamma)
    assert colour_at(drawn(data), 32, 32) == pytest.approx((55, 128, 200), abs=8)


@pytest.mark.parametrize("compressed", [False, True])
def test_metadata_are_read_from_boxes(compressed: bool) -> None:
    xmp = b'<x:xmpmeta><rdf exif:DateTimeOriginal="2026-11-23T12:00:00"/></x:xmpmeta>'
    data = jxl(PIXELS, boxes=((b"Exif", TURNED), (b"xml ", xmp)), compressed=compressed)
    exif = inspect(data, SETTINGS.limits).exif
    assert (exif.orientation, exif.captured_at) == (6, "2026-11-23T12:00:00")
    assert mean_difference(drawn(data), corners()) < 3, "expected a picture that EXIF does not turn"


def test_the_first_frame_of_an_animation_is_drawn() -> None:
    data = imagecodecs.jpegxl_encode(np.stack([PIXELS, PIXELS // 2, PIXELS // 3]))
    metadata, _ = describe(data, "jxl", SETTINGS)
    assert (metadata.pages, metadata.animation, metadata.first_frame_reason) == (3, "first_frame", "unsupported")
    assert mean_difference(drawn(data), corners()) < 3
    few = SETTINGS.model_copy(update={"limits": SETTINGS.limits.model_copy(update={"max_pages": 2})})
    metadata, _ = describe(data, "jxl", few)
    assert (metadata.pages, metadata.first_frame_reason) == (3, "too_many_frames")


@pytest.mark.parametrize(
    "size", [(8, 8), (256, 256), (240, 160), (1, 1), (300, 200), (16, 9), (511, 3), (5, 700), (9000, 2)]
)
@pytest.mark.parametrize("wrap", [bytes, in_parts])
def test_our_parser_agrees_with_libjxl(size: tuple[int, int], wrap: Callable[[bytes], bytes]) -> None:
    data = wrap(jxl(np.zeros((size[1], size[0], 1), np.uint8), lossless=True))
    file, header = read_jxl(data), read_jxl_header(data, MEMORY, Deadline(10), 1)
    assert file is not None
    assert file.size == Size(header.width, header.height) == Size(*size)


def sized(bits: str) -> bytes:
    """Return the beginning of a codestream whose header has these bits, the first first."""
    return b"\xff\x0a" + int(bits.replace(" ", "")[::-1], 2).to_bytes(9, "little")


HUGE = sized("0 11" + f"{2**30 - 1:030b}" + "111")


@pytest.mark.parametrize(
    ("bits", "size"),
    [
        ("0 11" + f"{2**30 - 1:030b}" + "111", Size(2**31, 2**30)),
        ("1 10000 010", Size(16 * 12 // 10, 16)),
        ("1 10000 000 11000", Size(32, 16)),
    ],
)
def test_sizes_as_specified(bits: str, size: Size) -> None:
    found = read_jxl(sized(bits))
    assert found is not None
    assert found.size == size


@pytest.mark.parametrize(
    ("data", "limits", "code"),
    [
        (lambda: HUGE, {}, "too_many_pixels"),
        (lambda: in_parts(HUGE), {}, "too_many_pixels"),
        (lambda: jxl(PIXELS), {"max_whole_frame_pixels": 240 * 160 - 1}, "too_many_pixels"),
        (lambda: jxl(PIXELS), {"max_side": 239}, "too_long_side"),
        (lambda: jxl(PIXELS, extra=(1,)), {}, "unsupported_format"),
        (lambda: jxl(PIXELS, extra=(4,), lossless=True), {}, "unsupported_format"),
        (lambda: jxl(with_alpha(PIXELS, 9), extra=(0,)), {}, "unsupported_format"),
        (lambda: jxl(PIXELS)[:3], {}, "corrupt"),
        (lambda: jxl(DEEP)[:6], {}, "corrupt"),
        (lambda: in_parts(jxl(PIXELS))[:40], {}, "corrupt"),
        (lambda: b"\xff\x0a" + b"\xff" * 40, {}, "corrupt"),
    ],
)
def test_what_is_refused_by_its_header(data: Callable[[], bytes], limits: dict[str, int], code: str) -> None:
    with pytest.raises(RejectedError) as refused:
        inspect(data(), SETTINGS.limits.model_copy(update=limits))
    assert refused.value.code == code


@pytest.mark.parametrize("lossless", [False, True])
def test_truncated_pixels_are_refused_or_drawn_in_part(lossless: bool) -> None:
    data = jxl(corners(1200, 800).numpy(), lossless=lossless)
    cut = data[: len(data) * 2 // 3]
    with pytest.raises(RejectedError, match=r"expected a complete JPEG XL .*: it ends too early") as refused:
        describe(cut, "jxl", SETTINGS)
    assert refused.value.code == "corrupt"
    accepting = SETTINGS.model_copy(update={"limits": SETTINGS.limits.model_copy(update={"accept_truncated": True})})
    metadata, _ = describe(cut, "jxl", accepting)
    assert (metadata.damaged, metadata.width) == (True, 1200)


def test_memory_is_bounded() -> None:
    data = jxl(corners(1200, 800).numpy(), lossless=True)
    header = read_jxl_header(data, MEMORY, Deadline(10), 1)
    with pytest.raises(JxlTooLargeError):
        jxl_pixels(data, header, 1200 * 800 * 3 + 1_000_000, Deadline(10), partial=False)
    tight = SETTINGS.limits.model_copy(update={"max_whole_frame_pixels": 1200 * 800})
    assert tight.whole_frame_bytes > 0
    assert len(jxl_pixels(data, header, tight.whole_frame_bytes, Deadline(10), partial=False)) == 1200 * 800 * 3


@pytest.mark.parametrize(("cpu", "wall", "expected"), [(0.0, 100.0, RejectedError), (100.0, 0.0, OutOfTimeError)])
def test_a_deadline_stops_the_decoder(cpu: float, wall: float, expected: type[Exception]) -> None:
    """The clocks advance with each look at them: the decoder is stopped in the midst of its work."""
    data = jxl(corners(1200, 800).numpy(), lossless=True)
    header = read_jxl_header(data, MEMORY, Deadline(10), 1)
    looks = iter(range(10_000))
    deadline = Deadline(
        cpu + 12, wall + 12, cpu_clock=lambda: float(next(looks)) if not cpu else 0.0,
        wall_clock=lambda: float(next(looks)) if not wall else 0.0,
    )  # fmt: skip
    with pytest.raises(expected):
        jxl_pixels(data, header, MEMORY, deadline, partial=False)
    assert next(looks) < 20
