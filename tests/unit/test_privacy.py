"""No EXIF, GPS, XMP, profile or embedded preview of an original reaches a derivative."""

import io

import piexif
import pytest
import pyvips
from pictures import corners, load

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.render import render

SETTINGS = load_settings()
SECRET = b"Rosebud"
TRACES = (SECRET, b"Exif\0", b"ICC_PROFILE", b"ICCP", b"http://ns.adobe.com", b"EXIF", b"XMP ", b"prof")


def revealing_original() -> bytes:
    image = corners(480, 320).icc_transform("p3", input_profile="srgb").copy()
    image.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>")
    exif = piexif.dump(
        {
            "0th": {piexif.ImageIFD.Artist: SECRET, piexif.ImageIFD.Orientation: 6},
            "GPS": {piexif.GPSIFD.GPSLatitudeRef: b"N", piexif.GPSIFD.GPSLatitude: ((52, 1), (31, 1), (12, 1))},
            "1st": {},
            "thumbnail": corners(96, 64).jpegsave_buffer(keep="none"),
        }
    )
    written = io.BytesIO()
    piexif.insert(exif, image.jpegsave_buffer(), written)
    return written.getvalue()


@pytest.mark.parametrize("fmt", ["avif", "webp", "jpeg"])
def test_nothing_but_pixels(fmt: str) -> None:
    original = revealing_original()
    assert SECRET in original
    assert load(original).get_typeof("exif-data"), "expected an original with something to hide"

    (derivative,) = render(original, [Variant(256, 0, fmt)], SETTINGS)

    assert [trace for trace in TRACES if trace in derivative.data] == []
    fields = load(derivative.data).get_fields()
    assert [name for name in fields if name.startswith(("exif", "xmp", "icc", "iptc", "gps", "orientation"))] == []
