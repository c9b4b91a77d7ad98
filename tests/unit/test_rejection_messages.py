"""Messages of rejected files: our own sentence, the cause, and nothing of libraries or of other files."""

import zlib

import pytest
from damage import SOUND, damaged_files
from pictures import corners

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.engine import clear_errors, pyvips
from lambdas.imaging.formats import SNIFF_BYTES, sniff
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render
from lambdas.metadata.describe import describe

SETTINGS = load_settings()
PNG = corners().pngsave_buffer()
INTERNALS = (
    "Vips",
    "vips",
    "pngload",
    "tiff2",
    "webp2",
    "heif:",
    "libpng",
    "unable to call",
    "bad seek",
    ".tif",
    "0x7f",
)


def flipped(at: int) -> bytes:
    return PNG[:at] + bytes([PNG[at] ^ 1]) + PNG[at + 1 :]


def rejection(data: bytes) -> RejectedError:
    with pytest.raises(RejectedError) as refused:
        list(render(data, [Variant(256, 0, "jpeg")], SETTINGS))
    return refused.value


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (PNG[:-400], "the file ends within chunk IDAT"),
        (PNG[:30], "the file ends within chunk IHDR"),
        (flipped(PNG.index(b"IDAT") + 300), "wrong checksum of chunk IDAT at byte"),
        (flipped(23), "wrong checksum of chunk IHDR at byte 8"),
        (PNG[:8] + bytes(25), "wrong checksum of chunk"),
    ],
)
def test_rejected_png_says_why(data: bytes, cause: str) -> None:
    refused = rejection(data)
    assert refused.code == "corrupt"
    assert refused.message.startswith("expected a complete PNG but its ")
    assert cause in refused.message


def test_png_whose_pixels_are_damaged_under_a_right_checksum() -> None:
    at = PNG.index(b"IDAT")
    size = int.from_bytes(PNG[at - 4 : at], "big")
    body = b"IDAT" + PNG[at + 4 : at + 4 + size // 2] + bytes(size - size // 2)
    data = PNG[:at] + body + zlib.crc32(body).to_bytes(4, "big") + PNG[at + 8 + size :]
    assert "its compressed pixels are damaged" in rejection(data).message


@pytest.mark.parametrize("name", SOUND)
def test_messages_begin_with_our_sentence_and_name_no_internals(name: str) -> None:
    for data in damaged_files(name, 40):
        try:
            list(render(data, [Variant(256, 0, "jpeg")], SETTINGS))
        except RejectedError as refused:
            assert refused.message.startswith("expected ")
            assert [word for word in INTERNALS if word in refused.message] == [], refused.message


def test_a_rejection_says_nothing_of_files_before_it() -> None:
    """What libvips logs of one file stays in its buffer, and is added to the next error in the process."""
    jpeg = corners().jpegsave_buffer()
    other = pyvips.Image.new_from_buffer(jpeg[: len(jpeg) // 2] + b"\xff\xd9", "", access="sequential", fail_on="none")
    other.thumbnail_image(64).copy_memory()
    assert "premature end" in pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer()).decode()
    assert "premature end" not in rejection(corners().webpsave_buffer()[:500]).message
    clear_errors()


def tiff_with_missing_data(*, tiled: bool = True) -> bytes:
    """Return a JPEG-compressed TIFF whose first tile or strip has lost the middle of its data."""
    whole = corners().tiffsave_buffer(compression="jpeg", Q=90, tile=tiled)
    start, end = whole.index(b"\xff\xda") + 200, whole.index(b"\xff\xd9")
    return whole[: start + 300] + b"\xff\xd9" + bytes(end - start - 300) + whole[end + 2 :]


@pytest.mark.parametrize("tiled", [True, False])
def test_missing_data_of_a_tiff_is_noticed(tiled: bool) -> None:
    broken = tiff_with_missing_data(tiled=tiled)
    with pytest.raises(RejectedError, match="expected a complete TIFF but its pixels") as refused:
        describe(broken, "tiff", SETTINGS)
    assert refused.value.code == "corrupt"
    limits = SETTINGS.limits.model_copy(update={"accept_truncated": True})
    assert describe(broken, "tiff", SETTINGS.model_copy(update={"limits": limits}))[0].damaged


def test_names_are_those_of_the_format() -> None:
    for write, name in ((SOUND["webp"], "WebP"), (SOUND["gif, animated"], "GIF"), (SOUND["avif"], "AVIF")):
        data = write()[:300]
        assert sniff(data[:SNIFF_BYTES]) is not None
        assert f"expected a complete {name}" in rejection(data).message
