"""The most expensive kinds of originals stay within the memory that the settings assume; false headers take none."""

import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import pyvips
from deep_pictures import avif_12_bit, cmyk_progressive, heic_10_bit, jxl_16_bit, png_interlaced
from pictures import avif, corners, flat, heic

from infra.assets import LIBVIPS_ENVIRONMENT
from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render

pytestmark = pytest.mark.slow

SETTINGS = load_settings()
SCRIPT = Path(__file__).with_name("peak_memory.py")
SIDE = 2400  # pixels; large enough that what grows with the pixels outweighs what does not
OVERHEAD = 75_000_000  # bytes that a process takes before its first picture, and libvips' own lines of pixels


def peak_of(data: bytes, folder: Path) -> int:
    """Return the most memory in bytes that a process takes to describe and draw ``data``."""
    file = folder / "original"
    file.write_bytes(data)
    environment = {
        **os.environ,
        **LIBVIPS_ENVIRONMENT,
        "PYTHONPATH": str(SCRIPT.parents[2]),
        "VIPS_CONCURRENCY": "1",
    }
    command = [sys.executable, str(SCRIPT), str(file)]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


@pytest.mark.extra
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="expected Linux, whose /proc tells a process's peak")
@pytest.mark.parametrize(
    ("write", "bytes_a_pixel"),
    [(heic_10_bit, 29), (jxl_16_bit, 29), (avif_12_bit, 29), (png_interlaced, 12.5), (cmyk_progressive, 12.5)],
)
def test_most_expensive_formats_stay_within_their_bytes_per_pixel(
    write: Callable[[pyvips.Image], bytes], bytes_a_pixel: float, tmp_path: Path
) -> None:
    data = write(corners(SIDE, SIDE))
    taken = peak_of(data, tmp_path) - OVERHEAD - len(data)
    assert taken / SIDE**2 <= bytes_a_pixel
    assert taken / SIDE**2 > bytes_a_pixel / 4, "expected a measurement that sees the pixels"


def test_settings_use_these_bytes_per_pixel() -> None:
    limits = SETTINGS.limits
    assert limits.peak_bytes >= 29 * limits.max_whole_frame_pixels + limits.max_bytes
    assert limits.peak_bytes >= 12.5 * limits.max_pixels + limits.max_bytes


@pytest.mark.parametrize("write", [heic, avif])
def test_header_that_understates_its_pixels_is_rejected_before_decoding(write: Callable[..., bytes]) -> None:
    data = bytearray(write(flat((90, 90, 90), 1600, 1200)))
    for box in re.finditer(b"ispe", bytes(data)):
        data[box.end() + 4 : box.end() + 12] = struct.pack(">II", 64, 64)
    with pytest.raises(RejectedError) as refused:
        list(render(bytes(data), [Variant(256, 0, "jpeg")], SETTINGS))
    assert refused.value.code == "corrupt"
