"""What the bytes of a file say that it is; names and declared types are not asked.

The signatures are those of the formats' own specifications.
"""

import re

from lambdas.imaging.formats import KnownFormat

SNIFF_BYTES = 4096

# (offset, signature, format); the first that matches wins.
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

_SVG_ROOT = re.compile(rb"<(?:[A-Za-z][\w.-]*:)?svg[\s/>]")
# What may stand before an XML document's root element, by its beginning and end.
_XML_PROLOG = ((b"<?", b"?>"), (b"<!--", b"-->"), (b"<!DOCTYPE", b">"))


def sniff(head: bytes) -> KnownFormat | None:
    """Return the format of the file that begins with ``head`` (its first ``SNIFF_BYTES`` bytes), or None.

    None means that the bytes are those of no picture format known here: text, video, noise.
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


def _sniff_brands(head: bytes) -> KnownFormat | None:
    """Tell AVIF from HEIC by the brands of an ISO base media file (ISO/IEC 14496-12, section 4.3)."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    major = head[8:12]
    brands = {major} | {head[at : at + 4] for at in range(16, end - 3, 4)}
    # A file may be compatible with both families: then its major brand decides.
    for wanted in ({major}, brands):
        if wanted & _AVIF_BRANDS:
            return "avif"
        if wanted & _HEIC_BRANDS:
            return "heic"
    return None


def _is_bmp(head: bytes) -> bool:
    # "BM" alone begins many a text; a bitmap's second header has one of a few sizes.
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in {12, 16, 40, 52, 56, 64, 108, 124}


def _is_svg(head: bytes) -> bool:
    """Tell whether an XML document's root element is svg; linear in the head, whatever it holds."""
    rest = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    while not _SVG_ROOT.match(rest):
        end = next((end for begin, end in _XML_PROLOG if rest.startswith(begin)), None)
        if end is None:
            return False
        if end == b">" and b"[" in rest.partition(b">")[0]:
            end = b"]>"  # a document type with declarations of its own
        rest = rest.partition(end)[2].lstrip()
    return True
