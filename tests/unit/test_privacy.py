"""No EXIF, GPS, XMP, profile or embedded preview of an original reaches a derivative."""

import pytest
import pyvips
from pictures import corners, load

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.render import render

SETTINGS = load_settings()
SECRET = b"Rosebud"
TRACES = (SECRET, b"Exif\0", b"ICC_PROFILE", b"ICCP", b"http://ns.adobe.com", b"EXIF", b"XMP ", b"prof")
PREVIEW = corners(96, 64).jpegsave_buffer(keep="none")


def revealing_original() -> bytes:
    image = corners(480, 320).icc_transform("p3", input_profile="srgb").copy()
    image.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>")
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    image.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Artist", SECRET.decode())
    image.set_type(pyvips.GValue.gstr_type, "exif-ifd3-GPSLatitudeRef", "N")
    image.set_type(pyvips.GValue.gstr_type, "exif-ifd3-GPSLatitude", "52/1 31/1 12/1")
    image.set_type(pyvips.GValue.blob_type, "jpeg-thumbnail-data", PREVIEW)
    return bytes(image.jpegsave_buffer())


@pytest.mark.parametrize("fmt", ["avif", "webp", "jpeg"])
def test_derivatives_carry_only_pixels(fmt: str) -> None:
    original = revealing_original()
    assert SECRET in original
    assert PREVIEW in original
    assert load(original).get_typeof("exif-data"), "expected an original with something to hide"

    (derivative,) = render(original, [Variant(256, 0, fmt)], SETTINGS)

    assert [trace for trace in TRACES if trace in derivative.data] == []
    fields = load(derivative.data).get_fields()
    assert [name for name in fields if name.startswith(("exif", "xmp", "icc", "iptc", "gps", "orientation"))] == []
