"""Which TIFFs are drawn: libvips reads many more, and draws some of those black, striped or half transparent.

A variant is accepted only if the tests compare it with an independent decoder. Source of tags and their values:
TIFF 6.0 (Adobe, 1992); TIFF Technical Notes 1 to 3; libtiff's tiff.h for compression schemes of later years.
"""

import math
from dataclasses import dataclass

from lambdas.core.settings.pictures import Limits
from lambdas.imaging.containers.tiff import Directory, MalformedTiffError, directories
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.rejection.limits import check_pages, check_tiles

_SUBFILE_TYPE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_SAMPLES, _ROWS_PER_STRIP, _PLANAR, _PREDICTOR = 277, 278, 284, 317
_TILE_WIDTH, _TILE_HEIGHT, _SUB_IFDS, _INK_SET, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 322, 323, 330, 332, 338, 339
_INDEXED, _DNG_VERSION = 346, 50_706
_CR2 = b"CR\x02"

_GREY, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = (0, 1), 2, 3, 5, 6, 8
_PHOTOMETRICS = {
    0: "grey", 1: "grey", 2: "RGB", 3: "palette", 4: "transparency mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab",
    9: "ICCLab", 10: "ITULab", 32_803: "colour filter array", 32_844: "LogL", 32_845: "LogLuv", 34_892: "linear raw",
}  # fmt: skip
_UNSIGNED, _SIGNED, _FLOAT, _UNTYPED = 1, 2, 3, 4
_SAMPLE_FORMATS = {
    1: "unsigned", 2: "signed", 3: "floating-point", 4: "untyped", 5: "complex integer", 6: "complex floating-point"
}  # fmt: skip
_JPEG, _WEBP = 7, 50_001
_BILEVEL_COMPRESSIONS = {2, 3, 4}
_COMPRESSIONS = {
    1: "none", 2: "CCITT RLE", 3: "CCITT Group 3", 4: "CCITT Group 4", 5: "LZW", 6: "old-style JPEG", 7: "JPEG",
    8: "deflate", 9: "JBIG", 10: "JBIG", 32_766: "NeXT", 32_773: "PackBits", 32_809: "ThunderScan",
    32_908: "PixarFilm", 32_909: "PixarLog", 32_946: "deflate", 33_003: "JPEG 2000", 33_004: "JPEG 2000",
    33_005: "JPEG 2000", 34_661: "JBIG", 34_676: "SGILog", 34_677: "SGILog24", 34_712: "JPEG 2000", 34_887: "LERC",
    34_892: "lossy JPEG", 34_925: "LZMA", 34_934: "JPEG XR", 50_000: "Zstandard", 50_001: "WebP", 50_002: "JPEG XL",
    52_546: "JPEG XL",
}  # fmt: skip
_ACCEPTED_COMPRESSIONS = {1, 2, 3, 4, 5, _JPEG, 8, 32_773, 32_946, _WEBP}

# Photometric interpretation → (sample format, bits) of each sample.
_SAMPLES_OF: dict[int, set[tuple[int, int]]] = {
    0: {(_UNSIGNED, bits) for bits in (1, 2, 4, 8, 16)},
    1: {(_UNSIGNED, bits) for bits in (1, 2, 4, 8, 16)},
    _RGB: {(_UNSIGNED, 8), (_UNSIGNED, 16)},
    _PALETTE: {(_UNSIGNED, bits) for bits in (1, 2, 4, 8)},
    _CMYK: {(_UNSIGNED, 8), (_UNSIGNED, 16)},
    _YCBCR: {(_UNSIGNED, 8)},
    _LAB: {(_UNSIGNED, 16), (_SIGNED, 16), (_FLOAT, 32)},
}
_COLOURS = {0: 1, 1: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3, _LAB: 3}
_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA = 1, 2


@dataclass(frozen=True, slots=True)
class TiffPage:
    """The first page of a TIFF."""

    bands: tuple[int, ...] | None
    """Which of the decoded bands are its colours and alpha, in that order; None for all."""
    alpha: bool
    pages: int
    following_at: int
    """Where the offset of the next page is stored."""
    offset_bytes: int
    """Of such an offset."""


def check_tiff(data: bytes, limits: Limits) -> TiffPage:
    """Reject a TIFF whose first page is a variant that is not drawn; later pages are only counted.

    Raises:
        RejectedError: ``corrupt``, ``unsupported_format``, ``too_many_pages`` or ``too_complex``.
    """
    try:
        page, pages = _first_page(data, limits)
    except MalformedTiffError as error:
        raise RejectedError("corrupt", f"expected the directory of a TIFF's first page: {error}") from error
    for check in (_check_purpose, _check_photometric, _check_samples, _check_compression, _check_layout):
        check(page)
    check_tiles(_tiles(page), limits)
    alpha = _alpha(page)
    return TiffPage(_bands(page, alpha), alpha is not None, pages, page.following_at, page.offset_bytes)


def _first_page(data: bytes, limits: Limits) -> tuple[Directory, int]:
    first, pages = None, 0
    try:
        for page in directories(data):
            first, pages = first or page, pages + 1
            check_pages(pages, limits)
    except MalformedTiffError:
        if first is None:
            raise
    if first is None:
        raise MalformedTiffError("the file has no page")
    if data[8:11] == _CR2:
        raise _unsupported("an image", "a camera's raw file (CR2)")
    return first, pages


def _check_purpose(page: Directory) -> None:
    if _DNG_VERSION in page:
        raise _unsupported("an image", "a camera's raw file (DNG)")
    if page.integer(_SUBFILE_TYPE, 0) & 1 and _SUB_IFDS in page:
        raise _unsupported("an image", "a preview with the image elsewhere, as in a camera's raw file")


def _check_photometric(page: Directory) -> None:
    photometric = _photometric(page)
    if photometric not in _COLOURS:
        name = _PHOTOMETRICS.get(photometric, f"photometric interpretation {photometric}")
        raise _unsupported("grey, palette, RGB, CMYK, CIELab or JPEG-compressed YCbCr", name)
    if photometric == _CMYK and page.integer(_INK_SET, 1) != 1:
        raise _unsupported("CMYK", "other inks than cyan, magenta, yellow and black")
    if page.integer(_INDEXED, 0):
        raise _unsupported("colours", "indices into a palette of another colour space")


def _check_samples(page: Directory) -> None:
    photometric, colours, samples = _photometric(page), _COLOURS[_photometric(page)], _samples(page)
    name = _PHOTOMETRICS[photometric]
    bits, formats = set(page.integers(_BITS)) or {1}, set(page.integers(_SAMPLE_FORMAT)) or {_UNSIGNED}
    if len(bits) > 1 or len(formats) > 1:
        raise _unsupported("samples of one kind", f"{name} samples that differ in size or type")
    kind = formats.pop(), bits.pop()
    if kind[0] == _UNTYPED:  # decoders agree to read it as unsigned
        kind = _UNSIGNED, kind[1]
    if kind not in _SAMPLES_OF[photometric]:
        expected = " or ".join(f"{size}-bit {_SAMPLE_FORMATS[fmt]}" for fmt, size in sorted(_SAMPLES_OF[photometric]))
        received = f"{kind[1]}-bit {_SAMPLE_FORMATS.get(kind[0], 'unknown')}"
        raise _unsupported(f"{name} samples that are {expected}", received)
    if samples < colours:
        raise RejectedError("corrupt", f"expected a {name} TIFF of {colours} samples a pixel but received {samples}")
    if samples > colours and (photometric in (_PALETTE, _YCBCR, _LAB) or kind[1] < 8):
        raise _unsupported(f"{colours} samples a pixel in {name}", f"{samples}")
    alpha = _alpha(page)
    if alpha is not None and (photometric == _CMYK or (photometric == 0 and alpha[1] == _ASSOCIATED_ALPHA)):
        raise _unsupported("no transparency", f"{name} with an alpha channel")


def _check_compression(page: Directory) -> None:
    compression, photometric = page.integer(_COMPRESSION, 1), _photometric(page)
    name = _COMPRESSIONS.get(compression, f"scheme {compression}")
    if compression not in _ACCEPTED_COMPRESSIONS:
        raise _unsupported("a compression that is drawn", name)
    bits = page.integer(_BITS, 1)
    if compression in _BILEVEL_COMPRESSIONS and (bits != 1 or _samples(page) != 1):
        raise _unsupported(f"one bit a pixel under {name}", f"{bits}")
    if compression in (_JPEG, _WEBP) and (bits != 8 or photometric in (_PALETTE, _LAB)):
        raise _unsupported(f"8-bit colours under {name}", f"{bits}-bit {_PHOTOMETRICS[photometric]}")
    if compression == _WEBP and photometric != _RGB:
        raise _unsupported("RGB under WebP", _PHOTOMETRICS[photometric])
    if photometric == _YCBCR and compression != _JPEG:
        raise _unsupported("YCbCr only under JPEG", f"YCbCr under compression {name}")
    if page.integer(_PREDICTOR, 1) not in (1, 2) or (page.integer(_PREDICTOR, 1) == 2 and bits not in (8, 16)):
        raise _unsupported("a horizontal predictor of 8 or 16 bits", "another predictor")


def _check_layout(page: Directory) -> None:
    if page.integer(_PLANAR, 1) == 2 and _samples(page) > 1:
        if _TILE_WIDTH in page:
            raise _unsupported("tiles with all samples of a pixel", "tiles with one sample each (separate planes)")
        if page.integer(_COMPRESSION, 1) in (_JPEG, _WEBP):
            raise _unsupported("all samples of a pixel together under JPEG or WebP", "separate planes")


def _tiles(page: Directory) -> int:
    """Return the number of tiles or strips, by the sizes that the tags claim."""
    width, height = page.integer(_WIDTH, 0), page.integer(_HEIGHT, 0)
    if _TILE_WIDTH in page:
        across, down = page.integer(_TILE_WIDTH, 0) or 1, page.integer(_TILE_HEIGHT, 0) or 1
        count = math.ceil(width / across) * math.ceil(height / down)
    else:
        count = math.ceil(height / (page.integer(_ROWS_PER_STRIP, height) or 1))
    return count * (_samples(page) if page.integer(_PLANAR, 1) == 2 else 1)


def _bands(page: Directory, alpha: tuple[int, int] | None) -> tuple[int, ...] | None:
    if _photometric(page) == _PALETTE:  # without extra samples; the decoder makes three bands of it
        return None
    kept = (*range(_COLOURS[_photometric(page)]), *(() if alpha is None else (alpha[0],)))
    return None if len(kept) == _samples(page) else kept


def _alpha(page: Directory) -> tuple[int, int] | None:
    """Return position and kind of the alpha sample; an extra sample of unspecified kind is not alpha."""
    colours, samples = _COLOURS[_photometric(page)], _samples(page)
    kinds = page.integers(_EXTRA_SAMPLES)
    if not kinds and samples == colours + 1 and _EXTRA_SAMPLES not in page and _photometric(page) != _CMYK:
        return colours, _UNASSOCIATED_ALPHA  # written without the tag, which decoders agree to read as alpha
    found = ((colours + at, kind) for at, kind in enumerate(kinds) if kind in (_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA))
    return next(((at, kind) for at, kind in found if at < samples), None)


def _photometric(page: Directory) -> int:
    return page.integer(_PHOTOMETRIC, 1)


def _samples(page: Directory) -> int:
    return page.integer(_SAMPLES, 1)


def _unsupported(expected: str, received: str) -> RejectedError:
    return RejectedError("unsupported_format", f"expected a TIFF with {expected} but received {received}")
