import pytest

from lambdas.imaging.formats import ORIGINAL_FORMATS, SNIFF_BYTES, as_original, require_original, sniff
from lambdas.imaging.rejection import RejectedError


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    box = major + b"\0\0\0\0" + b"".join(compatible)
    return (len(box) + 8).to_bytes(4, "big") + b"ftyp" + box + b"\0\0\0\x20meta"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "jpeg"),
        (b"\xff\xd8\xff\xe1\0\x10Exif", "jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "png"),
        (b"GIF87a\1\0\1\0", "gif"),
        (b"GIF89a\1\0\1\0", "gif"),
        (b"II*\0\x08\0\0\0", "tiff"),
        (b"MM\0*\0\0\0\x08", "tiff"),
        (b"II+\0\x08\0\0\0", "tiff"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "webp"),
        (b"RIFF\x24\0\0\0WAVEfmt ", None),
        (ftyp(b"avif", b"mif1", b"miaf"), "avif"),
        (ftyp(b"avis", b"msf1"), "avif"),
        (ftyp(b"mif1", b"avif", b"miaf"), "avif"),
        (ftyp(b"heic", b"mif1", b"heic"), "heic"),
        (ftyp(b"mif1", b"heic"), "heic"),
        (ftyp(b"heic", b"mif1", b"avif"), "heic"),
        (ftyp(b"msf1", b"hevc"), "heic"),
        (ftyp(b"isom", b"mp42"), None),
        (b"\0\0\0\x10ftypisom\0\0\0\0avif", None),  # the brand is beyond the box
        (b"%PDF-1.7", "pdf"),
        (b"8BPS\0\1", "psd"),
        (b"\0\0\1\0\1\0\x10\x10", "ico"),
        (b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", "bmp"),
        (b"BMW is the name of a car maker", None),
        (b"\xff\x0a\xfa\x0f", "jxl"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "svg"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn -->\n<svg>", "svg"),
        (b"<?xml version='1.0'?><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'x'><svg ", "svg"),
        (b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a 'b'>]>\n<s:svg ", "svg"),
        (b"<html><body><svg></svg></body></html>", None),
        (b"just a text named .jpg", None),
        (b"", None),
        (b"\xff\xd8", None),
        (b"\0" * SNIFF_BYTES, None),
    ],
)
def test_format_is_determined_by_the_bytes(head: bytes, expected: str | None) -> None:
    assert sniff(head) == expected


def test_heads_of_any_length_are_accepted() -> None:
    for whole in (
        ftyp(b"mif1", b"avif"),
        b"RIFF\x24\0\0\0WEBP",
        b"<?xml ?><svg>",
        b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28",
    ):
        for length in range(len(whole)):
            sniff(whole[:length])


@pytest.mark.parametrize("opening", [b"<!--" * 1000, b"<!DOCTYPE" * 400, b"<!--->" * 600, b" " * SNIFF_BYTES])
def test_sniffing_adversarial_text_is_fast(opening: bytes) -> None:
    assert sniff(opening[:SNIFF_BYTES]) is None


@pytest.mark.parametrize("fmt", ORIGINAL_FORMATS)
def test_original_formats_are_accepted(fmt: str) -> None:
    assert require_original(fmt) == fmt


@pytest.mark.parametrize(
    ("found", "code", "message"),
    [
        (None, "not_an_image", "received a file of another kind"),
        ("svg", "unsupported_format", "received svg"),
        ("pdf", "unsupported_format", "received pdf"),
    ],
)
def test_other_formats_are_rejected(found: str | None, code: str, message: str) -> None:
    with pytest.raises(RejectedError, match=message) as refused:
        require_original(found)
    assert refused.value.code == code


@pytest.mark.parametrize(("found", "fmt"), [("jpeg", "jpeg"), ("heic", "heic"), ("pdf", None), (None, None)])
def test_only_original_formats_are_recorded(found: str | None, fmt: str | None) -> None:
    assert as_original(found) == fmt
