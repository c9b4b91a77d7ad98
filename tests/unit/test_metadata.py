"""Metadata of originals, read from their bytes."""

import hashlib
import io
from typing import Any

import pytest
import pyvips
from pictures import animated, animation, avif, corners, flat, heic, to_pillow
from PIL import Image as PillowImage
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

from lambdas.core.messages import GeoPosition, Metadata
from lambdas.core.settings import Settings, load_settings
from lambdas.imaging.exif import read_exif
from lambdas.imaging.formats import OriginalFormat, sniff
from lambdas.imaging.rejection import RejectedError
from lambdas.metadata import describe as described
from lambdas.metadata.describe import is_mismatch

SETTINGS = load_settings()
decode = described.decode
JPEG = corners(480, 320).jpegsave_buffer()


def with_settings(table: str, **fields: Any) -> Settings:
    return SETTINGS.model_copy(update={table: getattr(SETTINGS, table).model_copy(update=fields)})


def metadata(data: bytes, settings: Settings = SETTINGS, declared: str | None = None) -> Metadata:
    return described.describe(data, sniff(data), settings, declared)[0]


def photograph(**changes: dict[int, Any]) -> bytes:
    """Return a JPEG with EXIF; ``changes`` replace fields of its tables (base, exif, gps), valid or not."""
    tables: dict[str, dict[int, Any]] = {
        "base": {Base.Make: "Canon", Base.Model: "EOS (5D) Mark III", Base.Orientation: 6},
        "exif": {Base.DateTimeOriginal: "2015:10:11 14:41:44", Base.OffsetTimeOriginal: "-04:00"},
        "gps": {
            GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: degrees((52, 1), (31, 1), (1200, 100)),
            GPS.GPSLongitudeRef: "W", GPS.GPSLongitude: degrees((13, 1), (24, 1), (0, 1)),
        },
    }  # fmt: skip
    for table, fields in changes.items():
        tables[table].update(fields)
    exif = PillowImage.Exif()
    exif.update(tables["base"])
    exif.get_ifd(IFD.Exif).update(tables["exif"])
    exif.get_ifd(IFD.GPSInfo).update(tables["gps"])
    segment = exif.tobytes()
    return bytes(JPEG[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + JPEG[2:])


def degrees(*fractions: tuple[int, int]) -> tuple[IFDRational, ...]:
    return tuple(IFDRational(*fraction) for fraction in fractions)


def test_a_photograph() -> None:
    data = photograph()
    found = metadata(data, declared="image/png")
    assert found.model_copy(update={"dominant_color": "", "thumbhash": ""}) == Metadata(
        width=320,
        height=480,
        format="jpeg",
        mime_type="image/jpeg",
        declared_type="image/png",
        type_mismatch=True,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        orientation=6,
        color_space="srgb",
        hdr="none",
        gamut="kept",
        profile=None,
        alpha=False,
        pages=1,
        animation="none",
        damaged=False,
        camera_make="Canon",
        camera_model="EOS (5D) Mark III",
        captured_at="2015-10-11T14:41:44-04:00",
        position=None,
        dominant_color="",
        thumbhash="",
    )
    assert len(found.thumbhash or "") >= 24
    assert (found.dominant_color or "").startswith("#")


def test_position_is_kept_only_with_keep_gps() -> None:
    assert "position" in metadata(photograph()).to_json()
    assert metadata(photograph()).position is None
    kept = metadata(photograph(), with_settings("metadata", keep_gps=True))
    assert kept.position == GeoPosition(latitude=52.52, longitude=-13.4)


@pytest.mark.parametrize(
    ("table", "field", "value", "name", "expected"),
    [
        ("base", Base.Make, "  Nikon \0junk", "camera_make", "Nikon"),
        ("base", Base.Make, "", "camera_make", None),
        ("base", Base.Model, "x" * 5000, "camera_model", None),
        ("base", Base.Model, "a" * 100, "camera_model", "a" * 80),
        ("exif", Base.DateTimeOriginal, "0000:00:00 00:00:00", "captured_at", None),
        ("exif", Base.DateTimeOriginal, "yesterday", "captured_at", None),
        ("exif", Base.OffsetTimeOriginal, "nowhere", "captured_at", "2015-10-11T14:41:44"),
        ("gps", GPS.GPSLatitude, degrees((1, 0), (0, 1), (0, 1)), "position", None),
        ("gps", GPS.GPSLatitude, degrees((91, 1), (0, 1), (0, 1)), "position", None),
        ("gps", GPS.GPSLongitudeRef, "?", "position", None),
    ],
)
def test_malformed_exif_is_omitted(table: str, field: int, value: Any, name: str, expected: Any) -> None:
    data = photograph(**{table: {field: value}})
    assert getattr(metadata(data, with_settings("metadata", keep_gps=True)), name) == expected


@pytest.mark.parametrize(
    ("declared", "mismatch"),
    [
        (None, False),
        ("application/octet-stream", False),
        ("binary/octet-stream", False),
        ("image/jpeg", False),
        ("IMAGE/JPG; charset=x", False),
        ("image/png", True),
        ("text/plain", True),
    ],
)
def test_declared_type_is_compared_with_the_bytes(declared: str | None, mismatch: bool) -> None:
    assert is_mismatch(declared, "jpeg") is mismatch


def test_declared_heif_matches_heic() -> None:
    assert not is_mismatch("image/heif", "heic")
    assert is_mismatch("image/jpeg", "heic")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (flat((1, 2, 3, 4)).pngsave_buffer(), {"alpha": True, "format": "png"}),
        (heic(corners()), {"format": "heic", "mime_type": "image/heic"}),
        (avif(corners()), {"format": "avif"}),
        (animation().gifsave_buffer(), {"pages": 3, "animation": "kept"}),
        (animation().tiffsave_buffer(), {"pages": 3, "animation": "none"}),
        (corners().icc_transform("p3", input_profile="srgb").pngsave_buffer(), {"profile": "sP3C"}),
        (corners().icc_transform("cmyk", input_profile="srgb").jpegsave_buffer(), {"color_space": "cmyk"}),
    ],
)
def test_other_originals(data: bytes, expected: dict[str, Any]) -> None:
    assert metadata(data).model_dump(include=set(expected)) == expected


@pytest.mark.parametrize("fmt", ["gif", "webp", "png", "avif"])
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ("kept", None)),
        ({"rendering": {"animated": "first_frame"}}, ("first_frame", "settings")),
        ({"limits": {"max_pages": 2}}, ("first_frame", "too_many_frames")),
        ({"limits": {"max_animation_pixels": 1000}}, ("first_frame", "too_many_pixels")),
    ],
)
def test_metadata_says_what_is_kept_of_an_animation(
    fmt: OriginalFormat, changed: dict[str, dict[str, Any]], expected: tuple[str, str | None]
) -> None:
    settings = SETTINGS
    for section, fields in changed.items():
        settings = settings.model_copy(update={section: getattr(settings, section).model_copy(update=fields)})
    data = animated("apng" if fmt == "png" else fmt)
    found, groups = described.describe(data, fmt, settings)
    assert (found.animation, found.first_frame_reason, found.pages) == (*expected, 3)
    assert {variant for group in groups for variant in group.variants} == set(settings.eager_variants)


def test_pixels_are_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    monkeypatch.setattr(described, "decode", lambda *args, **options: decoded.append(args) or decode(*args, **options))
    metadata(JPEG)
    assert len(decoded) == 1


@pytest.mark.parametrize("write", [lambda image: image.jpegsave_buffer(), lambda image: image.pngsave_buffer()])
def test_truncated_file_is_rejected_or_accepted_as_damaged(write: Any) -> None:
    whole = write(corners(600, 400))
    cut = whole[: int(len(whole) * 0.7)]
    accepting = with_settings("limits", accept_truncated=True)
    with pytest.raises(RejectedError) as refused:
        metadata(cut)
    assert refused.value.code == "corrupt"
    assert metadata(cut, accepting).damaged
    assert not metadata(whole, accepting).damaged


def test_undecodable_file_is_rejected_under_either_policy() -> None:
    accepting = with_settings("limits", accept_truncated=True)
    for data in (JPEG[:100], heic(corners())[:800]):
        with pytest.raises(RejectedError):
            metadata(data, accepting)


@pytest.mark.parametrize("fmt", ["TIFF", "PNG", "WEBP", "AVIF"])
def test_camera_and_time_come_from_every_format_that_carries_exif(fmt: str) -> None:
    exif = PillowImage.Exif()
    exif.update({Base.Make: "Canon", Base.Model: "EOS 5D"})
    exif.get_ifd(IFD.Exif).update({Base.DateTimeOriginal: "2015:10:11 14:41:44", Base.OffsetTimeOriginal: "+02:00"})
    written = io.BytesIO()
    to_pillow(corners()).save(written, fmt, exif=exif.tobytes())
    found = metadata(written.getvalue())
    assert (found.camera_make, found.camera_model) == ("Canon", "EOS 5D")
    assert found.captured_at == "2015-10-11T14:41:44+02:00"


def test_time_of_digitizing_counts_where_none_of_capture_is_known() -> None:
    data = photograph(exif={Base.DateTimeOriginal: "", Base.DateTimeDigitized: "2016:01:02 03:04:05"})
    assert metadata(data).captured_at == "2016-01-02T03:04:05"


@pytest.mark.parametrize(
    ("xmp", "expected"),
    [
        (b'photoshop:DateCreated="2019-03-04T05:06:07.25+01:00"', "2019-03-04T05:06:07+01:00"),
        (b"<exif:DateTimeOriginal>2019-03-04T05:06</exif:DateTimeOriginal>", "2019-03-04T05:06:00"),
        (b"xmp:CreateDate='2019-03-04T05:06:07Z'", "2019-03-04T05:06:07+00:00"),
        (b'xmp:ModifyDate="2019-03-04T05:06:07"', None),
        (b'xmp:CreateDate="2019-13-44T05:06:07"', None),
    ],
)
def test_capture_time_from_xmp(xmp: bytes, expected: str | None) -> None:
    image = corners().copy()
    image.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x:xmpmeta " + xmp + b"/>")
    assert metadata(image.jpegsave_buffer()).captured_at == expected


def test_capture_time_from_iptc() -> None:
    iptc = b"\x1c\x02\x37\0\x08" + b"20190304" + b"\x1c\x02\x3c\0\x0b" + b"050607+0100"
    assert read_exif(b"", iptc=iptc).captured_at == "2019-03-04T05:06:07+01:00"
    assert read_exif(b"", iptc=iptc[:20]).captured_at is None
