import struct
import zlib

import pytest
from pictures import flat

from lambdas.core.settings.pictures import Limits
from lambdas.imaging.inspect import inspect
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.rejection.limits import check_bytes, check_dimensions

LIMITS = Limits(
    max_bytes=1000,
    max_pixels=100_000_000,
    max_whole_frame_pixels=50_000_000,
    max_side=30_000,
    max_pages=1000,
    max_animation_pixels=50_000_000,
    decode_seconds=5,
    accept_truncated=False,
)


def png_header(width: int, height: int) -> bytes:
    """Make a PNG that ends after its header: there is nothing in it to decode."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(b"")[:2]
    chunks = (
        struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) for body in (header, pixels)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(("size", "code"), [(0, "empty"), (1, None), (1000, None), (1001, "too_large")])
def test_bytes(size: int, code: str | None) -> None:
    if code is None:
        check_bytes(size, LIMITS)
        return
    with pytest.raises(RejectedError) as refused:
        check_bytes(size, LIMITS)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("width", "height", "code"),
    [
        (10_000, 10_000, None),
        (10_000, 10_001, "too_many_pixels"),
        (30_000, 3_333, None),
        (30_001, 1, "too_long_side"),
        (1, 30_001, "too_long_side"),
        (65_536, 65_536, "too_many_pixels"),
    ],
)
def test_dimensions(width: int, height: int, code: str | None) -> None:
    if code is None:
        check_dimensions(width, height, LIMITS)
        return
    with pytest.raises(RejectedError, match=f"received {width} × {height}") as refused:
        check_dimensions(width, height, LIMITS)
    assert refused.value.code == code


def test_whole_frame_decoders_have_a_lower_pixel_limit() -> None:
    check_dimensions(10_000, 5_000, LIMITS, whole_frame=True)
    with pytest.raises(RejectedError, match="at most 50000000 pixels") as refused:
        check_dimensions(10_000, 5_001, LIMITS, whole_frame=True)
    assert refused.value.code == "too_many_pixels"


def test_avif_is_held_to_the_whole_frame_limit() -> None:
    tight = LIMITS.model_copy(update={"max_whole_frame_pixels": 100 * 100 - 1})
    square = flat((90, 90, 90), 100, 100)
    inspect(square.webpsave_buffer(), tight)
    with pytest.raises(RejectedError) as refused:
        inspect(square.heifsave_buffer(compression="av1", effort=0), tight)
    assert refused.value.code == "too_many_pixels"


@pytest.mark.parametrize(
    ("width", "height", "code"), [(65_536, 65_536, "too_many_pixels"), (40_000, 1, "too_long_side")]
)
def test_decompression_bomb_is_rejected_by_its_header(width: int, height: int, code: str) -> None:
    with pytest.raises(RejectedError) as refused:
        inspect(png_header(width, height), LIMITS)
    assert refused.value.code == code


def test_header_within_the_limits_is_accepted_without_pixels() -> None:
    assert inspect(png_header(640, 480), LIMITS).size.width == 640
