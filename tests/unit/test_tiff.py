"""TIFF variants: each is drawn as an independent decoder draws it, or rejected with a sentence that names it."""

import io
import itertools
import struct
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
from pictures import corners, from_array, load, mean_difference
from PIL import Image as PillowImage

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.inspect import inspect
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render

SETTINGS = load_settings()
COLOUR = corners(96, 64).numpy()
GREY = np.asarray(PillowImage.fromarray(COLOUR).convert("L"))
INKS = corners(96, 64).icc_transform("cmyk", input_profile="srgb").numpy()
HALF = 128


def tiff(array: np.ndarray, **options: Any) -> bytes:
    written = io.BytesIO()
    tifffile.imwrite(written, array, metadata=None, **options)
    return written.getvalue()


def typed(array: np.ndarray, kind: str) -> np.ndarray:
    """Return 8-bit ``array`` at the full scale of another type of sample."""
    dtype = np.dtype(kind)
    scale = np.iinfo(dtype).max if dtype.kind in "ui" else 1.0
    return (array / 255 * scale).round(0 if dtype.kind in "ui" else 6).astype(dtype)


def planes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(array, 2, 0))


def with_extra(array: np.ndarray, *extra: int) -> np.ndarray:
    """Append samples of one value each, at the scale of ``array``."""
    flat = [np.full(array.shape[:2], value, np.uint8) for value in extra]
    return np.dstack([array, *(typed(each, array.dtype.str) for each in flat)])


def tags(width: int, height: int, strip: bytes, order: str = "<", **values: list[int]) -> bytes:
    """Write a TIFF of one strip tag by tag, for what no writer offers; all values are SHORTs."""
    numbers = {
        "subfile_type": 254, "bits": 258, "photometric": 262, "fill_order": 266, "samples": 277, "colours": 320,
        "sub_ifds": 330,
    }  # fmt: skip
    given = {numbers[name]: listed for name, listed in values.items()}
    entries = {256: [width], 257: [height], 259: [1], 273: [8], 278: [height], 279: [len(strip)], **given}
    at, long = 8 + len(strip) + 2 + 12 * len(entries) + 4, {273, 279}
    directory, beyond = b"", b""
    for tag, listed in sorted(entries.items()):
        letter, kind = ("I", 4) if tag in long else ("H", 3)
        packed = struct.pack(f"{order}{len(listed)}{letter}", *listed)
        head = struct.pack(f"{order}HHI", tag, kind, len(listed))
        if len(packed) > 4:
            directory += head + struct.pack(f"{order}I", at + len(beyond))
            beyond += packed
        else:
            directory += head + packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(strip))
    return head + strip + struct.pack(f"{order}H", len(entries)) + directory + bytes(4) + beyond


def palette(bits: int, scale: int = 257) -> bytes:
    quantized = PillowImage.fromarray(COLOUR).quantize(2**bits)
    indices, colours = np.asarray(quantized), np.zeros((2**bits, 3), np.uint16)
    listed = np.array(quantized.getpalette()).reshape(-1, 3)[: 2**bits]
    colours[: len(listed)] = listed * scale
    digits = np.unpackbits(indices.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :]
    packed = np.packbits(digits.reshape(len(indices), -1), axis=1)
    return tags(96, 64, packed.tobytes(), bits=[bits], photometric=[3], samples=[1], colours=list(colours.T.ravel()))


def bilevel(photometric: int, fill_order: int = 1) -> bytes:
    packed = np.packbits((GREY > HALF) ^ (photometric == 0), axis=1)
    if fill_order == 2:
        packed = np.packbits(np.unpackbits(packed.ravel(), bitorder="little"))
    return tags(96, 64, packed.tobytes(), bits=[1], photometric=[photometric], samples=[1], fill_order=[fill_order])


def by_pillow(mode: str, compression: str) -> bytes:
    written = io.BytesIO()
    picture = PillowImage.fromarray(COLOUR)
    (picture.quantize() if mode == "P" else picture.convert(mode)).save(written, "TIFF", compression=compression)
    return written.getvalue()


def by_libvips(**options: Any) -> bytes:
    return corners(96, 64).tiffsave_buffer(**options)


def in_lab(kind: str) -> bytes:
    lab = corners(96, 64).colourspace("lab").numpy()
    signed = np.stack([lab[..., 0] / 100 * 65_535, *(lab[..., band] * 256 for band in (1, 2))], 2).round()
    coded = lab.astype("f4") if kind == "f4" else signed.astype(np.int32).astype(np.uint16)
    return tiff(coded, photometric="cielab")


def seen_by_tifffile(data: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """Decode by the tags and tifffile's arrays alone: 8-bit colours, and alpha where the tags say so."""
    page = tifffile.TiffFile(io.BytesIO(data)).pages[0]
    array, photometric = page.asarray(), int(page.photometric)
    if page.planarconfig == 2 and array.ndim == 3:
        array = np.moveaxis(array, 0, 2)
    array = array[..., None] if array.ndim == 2 else array
    if photometric == 3:
        return (page.colormap.T[array[..., 0]] // 257).astype(np.uint8), None
    scale = 2.0**page.bitspersample - 1
    array, colours = array / scale * 255, {0: 1, 1: 1, 2: 3}[photometric]
    extra = [int(each) for each in page.extrasamples]
    alpha = next((array[..., colours + at] for at, each in enumerate(extra) if each in (1, 2)), None)
    shown = array[..., :colours]
    if 1 in extra and alpha is not None:
        shown = shown / alpha[..., None] * 255
    shown = 255 - shown if photometric == 0 else shown
    return np.repeat(shown, 3 // colours, axis=2).round().astype(np.uint8), alpha


def seen_by_pillow(data: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = PillowImage.open(io.BytesIO(data))
    alpha = np.asarray(opened.getchannel("A")).astype(float) if opened.mode.endswith("A") else None
    return np.asarray(opened.convert("RGB")), alpha


def seen_in_colour(_data: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the picture that was written: neither Pillow nor tifffile converts CIELab, nor inks as ICC does."""
    return COLOUR, None


Decoder = Callable[[bytes], tuple[np.ndarray, np.ndarray | None]]
DRAWN: dict[str, tuple[bytes, Decoder]] = {
    **{
        f"RGB {kind} {planar} {'tiled' if tile else 'strips'}": (
            tiff(
                typed(COLOUR if planar == "contig" else planes(COLOUR), kind),
                photometric="rgb", planarconfig=planar, tile=tile,
            ),
            seen_by_tifffile,
        )
        for kind, planar, tile in itertools.product(("u1", "u2"), ("contig", "separate"), (None, (16, 16)))
        if not (planar == "separate" and tile)
    },
    **{
        f"{photometric} {kind} {'tiled' if tile else 'strips'}": (
            tiff(typed(GREY if photometric == "minisblack" else 255 - GREY, kind), photometric=photometric, tile=tile),
            seen_by_tifffile,
        )
        for photometric, kind, tile in itertools.product(
            ("minisblack", "miniswhite"), ("u1", "u2"), (None, (16, 16))
        )
    },
    **{f"palette of {bits} bits": (palette(bits), seen_by_pillow) for bits in (1, 2, 4, 8)},
    "palette, colours of 8 bits": (palette(8, scale=1), lambda _data: seen_by_pillow(palette(8))),
    "bilevel, black is zero": (bilevel(1), seen_by_pillow),
    "bilevel, white is zero": (bilevel(0), seen_by_pillow),
    "bilevel, reversed bits": (bilevel(1, fill_order=2), seen_by_pillow),
    "RGB big-endian": (
        tags(96, 64, COLOUR.tobytes(), ">", bits=[8, 8, 8], photometric=[2], samples=[3]), seen_by_tifffile,
    ),
    "RGB BigTIFF": (tiff(COLOUR, photometric="rgb", bigtiff=True), seen_by_tifffile),
    "RGB with predictor": (tiff(COLOUR, photometric="rgb", compression="zlib", predictor=True), seen_by_pillow),
    "RGB u2 with predictor": (
        tiff(typed(COLOUR, "u2"), photometric="rgb", compression="zlib", predictor=True), seen_by_tifffile,
    ),
    **{
        f"{mode} {compression} by libtiff": (by_pillow(mode, compression), seen_by_pillow)
        for mode, compression in [
            *itertools.product(("1", "L", "P", "RGB", "RGBA"), ("tiff_lzw", "tiff_adobe_deflate", "packbits", "raw")),
            *itertools.product(("L", "RGB", "YCbCr"), ("jpeg",)),
            *itertools.product(("1",), ("group3", "group4", "tiff_ccitt")),
        ]
        if not (mode == "YCbCr" and compression != "jpeg")
    },
    **{
        f"{compression}, {'tiled' if tile else 'strips'} by libvips": (
            by_libvips(compression=compression, tile=tile, tile_width=32, tile_height=32), seen_by_pillow,
        )
        for compression, tile in itertools.product(("jpeg", "deflate", "lzw", "packbits"), (False, True))
    },
    "WebP by libvips": (by_libvips(compression="webp", Q=90), seen_in_colour),
    "pyramid by libvips": (by_libvips(tile=True, pyramid=True, tile_width=16, tile_height=16), seen_by_pillow),
    **{
        f"RGB {kind} + {' + '.join(extra)}": (
            tiff(
                with_extra(
                    typed(COLOUR // 2 if "assocalpha" in extra else COLOUR, kind),
                    *(127 if name.endswith("alpha") else 40 for name in extra),
                ),
                photometric="rgb", extrasamples=extra,
            ),
            seen_by_tifffile,
        )
        for kind, extra in itertools.product(
            ("u1", "u2"),
            (
                ("unspecified",), ("unassalpha",), ("assocalpha",), ("unspecified", "unspecified"),
                ("unassalpha", "unspecified"), ("unspecified", "unassalpha"), ("unspecified", "assocalpha"),
                ("unspecified", "unspecified", "unspecified"),
            ),
        )
    },
    **{
        f"grey + {' + '.join(extra)}": (
            tiff(
                with_extra(GREY[..., None], *(127 if name.endswith("alpha") else 40 for name in extra)),
                photometric="minisblack", extrasamples=extra, planarconfig="contig",
            ),
            seen_by_tifffile,
        )
        for extra in (("unspecified",), ("unassalpha",), ("unspecified", "unassalpha"))
    },
    "white is zero + unassalpha": (
        tiff(
            with_extra(255 - GREY[..., None], 127),
            photometric="miniswhite", extrasamples=["unassalpha"], planarconfig="contig",
        ),
        seen_by_tifffile,
    ),
    "fourth sample without a tag": (
        tags(
            96, 64, with_extra(COLOUR, 127).tobytes(), bits=[8] * 4, photometric=[2], samples=[4]
        ),
        seen_by_pillow,
    ),
    "CMYK u1": (tiff(INKS, photometric="separated"), seen_in_colour),
    "CMYK u2": (tiff(typed(INKS, "u2"), photometric="separated"), seen_in_colour),
    "CMYK separate": (tiff(planes(INKS), photometric="separated", planarconfig="separate"), seen_in_colour),
    "CMYK + unspecified": (
        tiff(with_extra(INKS, 40), photometric="separated", extrasamples=["unspecified"]), seen_in_colour,
    ),
    "CIELab u2": (in_lab("u2"), seen_in_colour),
    "CIELab f4": (in_lab("f4"), seen_in_colour),
    "CIELab of 16 bits by libvips": (corners(96, 64).colourspace("labs").tiffsave_buffer(), seen_in_colour),
}  # fmt: skip

LARGEST_DIFFERENCE = 5.0  # of 255, mean, between a lossless original and a WebP; inks come back with up to 9


@pytest.mark.parametrize("variant", DRAWN)
def test_drawn_as_an_independent_decoder_does(variant: str) -> None:
    data, decoder = DRAWN[variant]
    expected, alpha = decoder(data)
    (derivative,) = render(data, [Variant(256, 0, "webp")], SETTINGS)
    shown = load(derivative.data)
    assert inspect(data, SETTINGS.limits).alpha == (alpha is not None)
    assert shown.hasalpha() == (alpha is not None and alpha.min() < 255)
    if shown.hasalpha():
        assert shown[3].avg() == pytest.approx(alpha.mean(), abs=2)
    assert mean_difference(shown[:3], from_array(expected)) < (9 if "CMYK" in variant else LARGEST_DIFFERENCE)


def rgb(kind: str, **options: Any) -> bytes:
    return tiff(typed(COLOUR, kind), photometric="rgb", **options)


REJECTED: dict[str, tuple[bytes, str]] = {
    **{f"RGB {kind}": (rgb(kind), bits) for kind, bits in {
        "u4": "32-bit unsigned", "u8": "64-bit unsigned", "i1": "8-bit signed", "i2": "16-bit signed",
        "i4": "32-bit signed", "f2": "16-bit floating-point", "f4": "32-bit floating-point",
        "f8": "64-bit floating-point", "c8": "64-bit complex floating-point",
    }.items()},
    **{f"grey {kind}": (tiff(typed(GREY, kind), photometric="minisblack"), bits) for kind, bits in {
        "u4": "32-bit unsigned", "i1": "8-bit signed", "i2": "16-bit signed", "f4": "32-bit floating-point",
    }.items()},
    "CMYK f4": (tiff(typed(INKS, "f4"), photometric="separated"), "32-bit floating-point"),
    "float with predictor": (corners(96, 64).cast("float").tiffsave_buffer(
        compression="deflate", predictor="float"), "32-bit floating-point"),
    "12 bits": (tags(96, 64, bytes(96 * 64 * 2), bits=[12], photometric=[1], samples=[1]), "12-bit unsigned"),
    "samples that differ": (
        tags(96, 64, bytes(96 * 64 * 3), bits=[8, 8, 4], photometric=[2], samples=[3]), "differ in size or type",
    ),
    "tiled planes": (
        tiff(planes(COLOUR), photometric="rgb", planarconfig="separate", tile=(16, 16)), "separate planes",
    ),
    "LZMA": (rgb("u1", compression="lzma"), "received LZMA"),
    "YCbCr without JPEG": (by_pillow("YCbCr", "tiff_lzw"), "YCbCr under compression LZW"),
    "CIELab u1": (tiff(COLOUR, photometric="cielab"), "8-bit unsigned"),
    "ICCLab": (tiff(COLOUR, photometric="icclab"), "received ICCLab"),
    "mask": (tags(96, 64, bytes(12 * 64), bits=[1], photometric=[4], samples=[1]), "transparency mask"),
    "colour filter array": (tiff(GREY, photometric="cfa"), "colour filter array"),
    "CMYK + alpha": (
        tiff(with_extra(INKS, 127), photometric="separated", extrasamples=["unassalpha"]), "CMYK with an alpha",
    ),
    "white is zero + associated alpha": (
        tiff(
            with_extra(GREY[..., None], 127),
            photometric="miniswhite", extrasamples=["assocalpha"], planarconfig="contig",
        ),
        "grey with an alpha",
    ),
    "six inks": (tiff(np.dstack([INKS, INKS[..., :2]]), photometric="separated", extratags=[(332, "H", 1, 2)]), "inks"),
    "DNG": (rgb("u1", extratags=[(50_706, "B", 4, (1, 4, 0, 0))]), r"raw file \(DNG\)"),
    "preview with the image elsewhere": (
        tags(96, 64, COLOUR.tobytes(), bits=[8] * 3, photometric=[2], samples=[3], subfile_type=[1], sub_ifds=[8]),
        "a preview with the image elsewhere",
    ),
}  # fmt: skip


@pytest.mark.parametrize("variant", REJECTED)
def test_rejected_with_a_sentence_that_names_the_variant(variant: str) -> None:
    data, named = REJECTED[variant]
    with pytest.raises(RejectedError, match=named) as refused:
        list(render(data, [Variant(256, 0, "webp")], SETTINGS))
    assert refused.value.code == "unsupported_format"
    assert refused.value.message.startswith("expected a TIFF with ")


def recompressed(data: bytes, scheme: int) -> bytes:
    """Return ``data`` with another number in its first compression tag."""
    at = data.index(struct.pack("<HHI", 259, 3, 1))
    return data[: at + 8] + struct.pack("<H", scheme) + data[at + 10 :]


@pytest.mark.parametrize(
    ("scheme", "name"), [(6, "old-style JPEG"), (34_712, "JPEG 2000"), (50_000, "Zstandard"), (60_000, "scheme 60000")]
)
def test_other_compressions_are_rejected(scheme: int, name: str) -> None:
    with pytest.raises(RejectedError, match=name) as refused:
        inspect(recompressed(rgb("u1"), scheme), SETTINGS.limits)
    assert refused.value.code == "unsupported_format"


def test_later_pages_do_not_decide_about_the_first() -> None:
    written = io.BytesIO()
    with tifffile.TiffWriter(written) as writer:
        writer.write(COLOUR, photometric="rgb", metadata=None)
        writer.write(typed(COLOUR, "f4"), photometric="rgb", compression="lzma", metadata=None)
    data = written.getvalue()
    header = inspect(data, SETTINGS.limits)
    assert header.pages == 2
    (derivative,) = render(data, [Variant(256, 0, "webp")], SETTINGS)
    assert mean_difference(load(derivative.data), from_array(COLOUR)) < LARGEST_DIFFERENCE


def test_pages_and_tiles_are_limited_before_libvips_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    many_pages = pyvips.Image.arrayjoin([corners(96, 64)] * 5, across=1).copy()
    many_pages.set_type(pyvips.GValue.gint_type, "page-height", 64)
    pages, tiles = many_pages.tiffsave_buffer(), rgb("u1", tile=(16, 16))

    def unexpected(*_arguments: Any, **_options: Any) -> None:
        raise AssertionError("expected the file to be rejected before libvips opens it")

    monkeypatch.setattr(pyvips.Image, "new_from_buffer", unexpected)
    for data, limits, code in (
        (pages, {"max_pages": 4}, "too_many_pages"),
        (tiles, {"max_tiles": 23}, "too_complex"),
        (rgb("u1", rowsperstrip=1), {"max_tiles": 63}, "too_complex"),
    ):
        with pytest.raises(RejectedError) as refused:
            inspect(data, SETTINGS.limits.model_copy(update=limits))
        assert refused.value.code == code


@pytest.mark.parametrize("cut", range(0, 118, 7))
def test_truncated_directories_are_corrupt(cut: int) -> None:
    data = tags(96, 64, b"", bits=[8, 8, 8], photometric=[2], samples=[3])[:cut]
    with pytest.raises(RejectedError) as refused:
        inspect(data, SETTINGS.limits)
    assert refused.value.code == "corrupt"


def test_pages_that_point_at_each_other_end() -> None:
    data = bytearray(rgb("u1"))
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    struct.pack_into("<I", data, at + 2 + 12 * count, at)
    assert inspect(bytes(data), SETTINGS.limits).pages == 1
