"""The formats that Darkroom knows: which a file is in, by its bytes, and which are accepted as originals.

File names and declared types are ignored. Signatures are those of the formats' own specifications.
"""

import re
from typing import Literal, get_args

from lambdas.imaging.rejection import RejectedError

OriginalFormat = Literal["jpeg", "png", "webp", "avif", "heic", "jxl", "tiff", "gif"]
ORIGINAL_FORMATS: tuple[OriginalFormat, ...] = get_args(OriginalFormat)

KnownFormat = OriginalFormat | Literal["bmp", "heif", "ico", "jp2", "pdf", "psd", "svg"]

ORIGINAL_MIME_TYPES: dict[OriginalFormat, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "heic": "image/heic",
    "jxl": "image/jxl",
    "tiff": "image/tiff",
    "gif": "image/gif",
}

SNIFF_BYTES = 4096

# (offset, signature, format); the first match wins.
_SIGNATURES: tuple[tuple[int, bytes, KnownFormat], ...] = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (0, b"II*\x00", "tiff"),
    (0, b"MM\x00*", "tiff"),
    (0, b"II+\x00", "tiff"),  # BigTIFF
    (0, b"MM\x00+", "tiff"),
    (0, b"%PDF-", "pdf"),
    (0, b"8BPS", "psd"),
    (0, b"\x00\x00\x01\x00", "ico"),
    (0, b"\xff\x0a", "jxl"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"),
    (0, b"\xff\x4f\xff\x51", "jp2"),  # a bare codestream
)

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}

# Stills and sequences that say nothing of their codec, or name one that is not decoded here.
_OTHER_HEIF_BRANDS = {
    b"mif1", b"mif2", b"mif3", b"msf1", b"miaf", b"avci", b"avcs", b"jpeg", b"jpgs", b"j2ki", b"j2is", b"vvic", b"vvis",
    b"evbi", b"evbs", b"unif",
}  # fmt: skip
_ITEM_TYPE = re.compile(rb"infe[\x02\x03].{3}.{4,6}?(av01|hvc1)", re.DOTALL)

_SVG_ROOT = re.compile(rb"<(?:[A-Za-z][\w.-]*:)?svg[\s/>]")
# What can precede an XML document's root element, by its beginning and end.
_XML_PROLOG = ((b"<?", b"?>"), (b"<!--", b"-->"), (b"<!DOCTYPE", b">"))


def sniff(head: bytes) -> KnownFormat | None:
    """Return the format of the file that begins with ``head`` (its first ``SNIFF_BYTES`` bytes).

    None means that it is no image format known here: text, video, noise.
    """
    for offset, signature, found in _SIGNATURES:
        if head.startswith(signature, offset):
            return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    if _is_bmp(head):
        return "bmp"
    if _is_svg(head):
        return "svg"
    return None


def require_original(found: KnownFormat | None) -> OriginalFormat:
    """Return ``found`` if originals of that format are accepted.

    Raises:
        RejectedError: ``not_an_image`` for None, ``unsupported_format`` for a format that is not accepted.
    """
    expected = ", ".join(ORIGINAL_FORMATS)
    if found is None:
        raise RejectedError("not_an_image", f"expected an image ({expected}) but received a file of another kind")
    if (accepted := as_original(found)) is None:
        raise RejectedError("unsupported_format", f"expected one of {expected} but received {found}")
    return accepted


def as_original(found: KnownFormat | None) -> OriginalFormat | None:
    """Return ``found`` if originals of that format are accepted, else None."""
    return next((fmt for fmt in ORIGINAL_FORMATS if fmt == found), None)


def _sniff_brands(head: bytes) -> KnownFormat | None:
    """Distinguish AVIF and HEIC by the brands of an ISO base media file, or by its first coded item.

    Source: ISO/IEC 14496-12, 4.3 (brands); ISO/IEC 23008-12, 10 (brands of images).
    """
    end = min(int.from_bytes(head[:4], "big"), len(head))
    major = head[8:12]
    brands = {major} | {head[at : at + 4] for at in range(16, end - 3, 4)}
    # A file may be compatible with both families: then its major brand decides.
    for candidates in ({major}, brands):
        if candidates & _AVIF_BRANDS:
            return "avif"
        if candidates & _HEIC_BRANDS:
            return "heic"
    if not brands & _OTHER_HEIF_BRANDS:
        return None
    coded = _ITEM_TYPE.search(head, end)
    return "heif" if coded is None else "avif" if coded[1] == b"av01" else "heic"


def _is_bmp(head: bytes) -> bool:
    # Text can begin with "BM" too; a bitmap's second header has one of a few sizes.
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in {12, 16, 40, 52, 56, 64, 108, 124}


def _is_svg(head: bytes) -> bool:
    """Return whether an XML document's root element is svg; the time is linear in the length of ``head``."""
    rest = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    while not _SVG_ROOT.match(rest):
        end = next((end for begin, end in _XML_PROLOG if rest.startswith(begin)), None)
        if end is None:
            return False
        if end == b">" and b"[" in rest.partition(b">")[0]:
            end = b"]>"  # a document type with declarations of its own
        rest = rest.partition(end)[2].lstrip()
    return True
