"""What the metadata says of originals that are HDR, or whose colours are wider than those of derivatives."""

import io
import struct
from collections.abc import Callable

import pytest
import pyvips
import tifffile
from heif_boxes import with_item_type, with_property_replaced
from pictures import avif, corners, flat, heic
from test_code_points import GAMMA_1, P3_RED, png, recoded

from lambdas.core.settings import load_settings
from lambdas.imaging.colour.conversion import is_reduced
from lambdas.imaging.colour.icc import Chromaticities, matrix_profile
from lambdas.imaging.containers.isobmff import read_items
from lambdas.imaging.containers.jpeg import has_gain_map
from lambdas.imaging.formats import sniff
from lambdas.imaging.inspect import inspect
from lambdas.metadata.describe import describe
from operations.calibration.scenes.color_profile import display_p3

SETTINGS = load_settings()
D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
ADOBE_RGB = Chromaticities((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65)
PROPHOTO = Chromaticities((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), D50)
SRGB = Chromaticities((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
BT601 = Chromaticities((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65)
NARROW = Chromaticities((0.60, 0.33), (0.31, 0.58), (0.16, 0.08), D65)

GAINS_ISO = (0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))
GAINS_ANDROID = (0xE1, b'http://ns.adobe.com/xap/1.0/\0<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>')
GAINS_APPLE = (0xE1, b"http://ns.adobe.com/xap/1.0/\0urn:com:apple:photo:2020:aux:hdrgainmap")
DEPTH_APPLE = (0xE1, b"http://ns.adobe.com/xap/1.0/\0urn:com:apple:photo:2018:aux:portraiteffectsmatte")


def profiled(where: Chromaticities, gamma: float = 2.2) -> bytes:
    return matrix_profile("made", where, lambda value: value**gamma)


def with_profile(icc: bytes, image: pyvips.Image | None = None) -> pyvips.Image:
    tagged = (corners() if image is None else image).copy()
    tagged.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    return tagged


def jpeg(icc: bytes | None = None) -> bytes:
    return (with_profile(icc) if icc else corners()).jpegsave_buffer(keep="icc")


def cicp_profile(primaries: int, transfer: int) -> bytes:
    """Return a profile that names code points, as ICC version 4.4 has it, in place of its copyright."""
    icc = profiled(SRGB)
    assert icc.count(b"text" + bytes(4) + b"none\0") == 1
    return icc.replace(b"cprt", b"cicp").replace(
        b"text" + bytes(4) + b"none\0", b"cicp" + bytes(4) + bytes((primaries, transfer, 0, 1, 0))
    )


def two_pictures(mark: tuple[int, bytes] | None, order: str = ">", listed: bool = True) -> bytes:
    """Return a JPEG with a second one behind it, which ``mark`` (marker, body) says is a map of gains."""

    def with_segments(data: bytes, *segments: tuple[int, bytes]) -> bytes:
        made = b"".join(bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
        return data[:2] + made + data[2:]

    first, second = jpeg(), with_segments(corners(60, 40).jpegsave_buffer(keep="none"), *([mark] if mark else []))

    def index(offset: int) -> bytes:
        head = b"II*\0" if order == "<" else b"MM\0*"
        entries = struct.pack(order + "8I", 0x030000, 0, 0, 0, 0, len(second), offset, 0)
        directory = struct.pack(order + "HHHIII", 1, 0xB002, 7, len(entries), 26, 0)
        return b"MPF\0" + head + struct.pack(order + "I", 8) + directory + entries

    base = 2 + 4 + 4  # of the index's offsets: behind the two markers, the length and the name
    whole = with_segments(first, (0xE2, index(0)))
    return (with_segments(first, (0xE2, index(len(whole) - base))) if listed else first) + second


def ultra_hdr() -> bytes:
    bright = (corners().colourspace("scrgb") * 4).copy(interpretation="scrgb")
    return bright.uhdrsave_buffer()


def with_gain_map(data: bytes) -> bytes:
    """Make the alpha plane of a HEIC what telephones of Apple call a map of gains."""
    return with_property_replaced(data, b"auxC", bytes(4) + b"urn:com:apple:photo:2020:aux:hdrgainmap\0")


def with_tone_mapping(data: bytes) -> bytes:
    """Make the alpha plane of a HEIC or AVIF an item that derives the HDR picture from the other."""
    return with_item_type(data, b"tmap", item=2).replace(b"auxl", b"dimg")


def translucent(width: int = 64, height: int = 64) -> pyvips.Image:
    return flat((200, 60, 50, 128), width, height)


def lab_tiff() -> bytes:
    written = io.BytesIO()
    lab = corners().colourspace("labs").numpy()
    tifffile.imwrite(written, lab.astype("int16").view("uint16"), photometric="cielab")
    return written.getvalue()


def bare_avif(primaries: int, transfer: int) -> bytes:
    """Return an AVIF whose bitstream alone says which colours it has."""
    data = avif(flat(P3_RED)).replace(b"colrnclx", b"freenclx")
    items = read_items(data)
    assert items is not None
    at = items.coded[0].extent[0]
    bits = f"{int.from_bytes(data[at : at + 40], 'big'):0320b}"
    srgb = f"{1:08b}{13:08b}{6:08b}"
    assert bits.count(srgb) == 1
    bits = bits.replace(srgb, f"{primaries:08b}{transfer:08b}{6:08b}")
    return data[:at] + int(bits, 2).to_bytes(40, "big") + data[at + 40 :]


@pytest.mark.parametrize(
    ("original", "lost"),
    [
        (jpeg, False),
        (lambda: png(P3_RED, (b"cICP", bytes((9, 16, 0, 1)))), True),
        (lambda: png(P3_RED, (b"cICP", bytes((9, 18, 0, 1)))), True),
        (lambda: png(P3_RED, (b"cICP", bytes((12, 13, 0, 1)))), False),
        (lambda: recoded(avif(flat(P3_RED)), 9, 16), True),
        (lambda: recoded(heic(flat(P3_RED)), 12, 18), True),
        (lambda: recoded(heic(flat(P3_RED)), 12, 13), False),
        (lambda: bare_avif(9, 16), True),
        (lambda: bare_avif(1, 13), False),
        (lambda: jpeg(cicp_profile(9, 16)), True),
        (lambda: jpeg(cicp_profile(1, 13)), False),
        (ultra_hdr, True),
        (lambda: two_pictures(GAINS_ISO), True),
        (lambda: two_pictures(GAINS_ANDROID, "<"), True),
        (lambda: two_pictures(GAINS_APPLE), True),
        (lambda: two_pictures(DEPTH_APPLE), False),
        (lambda: two_pictures(None), False),
        (lambda: two_pictures(GAINS_ISO, listed=False), False),
        (lambda: two_pictures(GAINS_ISO)[:-200], True),
        (lambda: heic(translucent()), False),
        (lambda: with_gain_map(heic(translucent())), True),
        (lambda: with_tone_mapping(heic(translucent())), True),
    ],
)
def test_lost_hdr_is_said(original: Callable[[], bytes], lost: bool) -> None:
    data = original()
    assert inspect(data, SETTINGS.limits).hdr is lost


@pytest.mark.parametrize(
    ("original", "reduced"),
    [
        (jpeg, False),
        (lambda: jpeg(display_p3()), True),
        (lambda: jpeg(profiled(ADOBE_RGB)), True),
        (lambda: jpeg(profiled(PROPHOTO, 1.8)), True),
        (lambda: jpeg(profiled(SRGB)), False),
        (lambda: jpeg(profiled(SRGB, 1.0)), False),
        (lambda: jpeg(profiled(BT601)), False),
        (lambda: jpeg(profiled(NARROW)), False),
        (lambda: jpeg(b"no profile at all"), False),
        (lambda: corners().colourspace("b-w").jpegsave_buffer(), False),
        (lambda: with_profile(display_p3(), corners().colourspace("rgb16")).pngsave_buffer(), True),
        (lambda: png(P3_RED, (b"cICP", bytes((12, 13, 0, 1)))), True),
        (lambda: png(P3_RED, GAMMA_1), False),
        (lambda: recoded(heic(flat(P3_RED)), 9, 13), True),
        (lambda: recoded(avif(flat(P3_RED)), 6, 6), False),
        (lambda: bare_avif(12, 13), True),
        (lambda: corners().icc_transform("cmyk", input_profile="srgb").jpegsave_buffer(), True),
        (lambda: corners().icc_transform("cmyk", input_profile="srgb").jpegsave_buffer(keep="none"), True),
        (lab_tiff, True),
    ],
)
def test_a_reduced_gamut_is_said(original: Callable[[], bytes], reduced: bool) -> None:
    data = original()
    assert is_reduced(inspect(data, SETTINGS.limits)) is reduced


@pytest.mark.parametrize(
    ("original", "said"),
    [
        (jpeg, ("none", "kept")),
        (lambda: jpeg(display_p3()), ("none", "reduced")),
        (lambda: two_pictures(GAINS_ISO), ("dropped", "kept")),
        (lambda: recoded(heic(flat(P3_RED)), 9, 16), ("dropped", "reduced")),
    ],
)
def test_metadata_says_both(original: Callable[[], bytes], said: tuple[str, str]) -> None:
    data = original()
    fmt = sniff(data[:4096])
    assert fmt in ("jpeg", "heic")
    metadata, _ = describe(data, fmt, SETTINGS)  # type: ignore[arg-type]
    assert (metadata.hdr, metadata.gamut) == said


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
def test_damaged_indexes_raise_nothing(filler: bytes) -> None:
    data = two_pictures(GAINS_ISO)
    at = data.index(b"MPF\0")
    for cut in range(at, at + 70):
        has_gain_map(data[:cut] + filler * 16 + data[cut + 16 :])
        has_gain_map(data[:cut])
