"""The contact sheet: shows the served bytes, is one self-contained file, and escapes any name."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pillow_heif
import pytest
from pictures import corners, with_orientation

from infra.command.demo import contact_sheet
from infra.command.demo.contact_sheet import Totals, write_contact_sheet
from infra.command.demo.inspection import inspect_served
from infra.command.demo.records import Answer, Candidate, Outcome, Picture, Reason, Submission
from infra.command.demo.run import picture_row
from infra.command.demo.viewing import ASKS, expected_variant
from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.engine import pyvips
from lambdas.imaging.render import render
from operations.calibration.scenes.color_profile import display_p3

SETTINGS = load_settings()
MADE = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
IMAGE_ID = "0" * 32


class Page(HTMLParser):
    """What a page holds: its text, and what each picture on it comes from."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.text = ""
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources += [value for name, value in attrs if name in ("src", "srcset", "href") and value]

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def camera_file(folder: Path, name: str = "photo.jpg") -> Path:
    """Write a photograph with everything that must not be served: orientation 6, P3, EXIF, GPS, preview."""
    stored = with_orientation(corners(600, 400), 6)
    stored.set_type(pyvips.GValue.blob_type, "icc-profile-data", display_p3())
    for field, value in {
        "exif-ifd0-Make": "Maker",
        "exif-ifd0-Model": "Maker One",
        "exif-ifd3-GPSLatitudeRef": "N",
        "exif-ifd3-GPSLatitude": "46/1 34/1 0/1",
    }.items():
        stored.set_type(pyvips.GValue.gstr_type, field, value)
    stored.set_type(pyvips.GValue.blob_type, "jpeg-thumbnail-data", corners(120, 80).jpegsave_buffer(keep="none"))
    path = folder / name
    path.write_bytes(stored.jpegsave_buffer(Q=92, keep="icc|exif"))
    return path


@cache
def drawings(original: bytes) -> dict[Variant, bytes]:
    """Draw every variant that is asked for."""
    variants = {expected_variant(ask, SETTINGS.ladder) for ask in ASKS}
    return {each.variant: each.data for each in render(original, list(variants), SETTINGS)}


def view(original: Path, folder: Path, spoil: Callable[[bytes], bytes] = lambda data: data) -> tuple[Answer, ...]:
    """Answer every ask as the edge would, with what the pipeline's own code draws; ``spoil`` changes the JPEGs."""
    folder.mkdir(parents=True)
    drawn = drawings(original.read_bytes())
    answers: list[Answer] = []
    for ask in ASKS:
        variant = expected_variant(ask, SETTINGS.ladder)
        data = spoil(drawn[variant]) if variant.format == "jpeg" else drawn[variant]
        file = folder / str(variant)
        cache = "Hit" if file.exists() else "Miss"
        file.write_bytes(data)
        answers.append(Answer(ask, variant, 200, cache, 0.25, len(data), variant.mime_type, file))
    return tuple(answers)


def ready(tmp_path: Path, name: str = "photo.jpg", spoil: Callable[[bytes], bytes] = lambda data: data) -> Picture:
    original = camera_file(tmp_path, name.replace("/", "_"))
    submission = Submission(Candidate(name, original), original.stat().st_size, IMAGE_ID)
    outcome = Outcome(image_id=IMAGE_ID, state="ready", seconds=1.5)
    files = tmp_path / "files"
    return picture_row(submission, outcome, view(original, files / IMAGE_ID, spoil), files)


def rejected(name: str, code: str = "corrupt", message: str = "expected pixels but received none") -> Picture:
    outcome = Outcome(image_id=IMAGE_ID, state="rejected", seconds=0.5, rejection=Reason(code=code, message=message))
    return picture_row(Submission(Candidate(name, Path("x")), 7, IMAGE_ID), outcome, (), Path("files"))


def write(pictures: list[Picture], tmp_path: Path) -> str:
    page = tmp_path / "sheet.html"
    write_contact_sheet(pictures, page, made=MADE, seconds=12)
    return page.read_text(encoding="utf-8")


def test_the_page_embeds_the_served_bytes_and_links_to_nothing(tmp_path: Path) -> None:
    picture = ready(tmp_path)
    page = Page(write([picture], tmp_path))
    assert page.sources, "expected pictures on the page"
    assert all(source.startswith("data:image/") for source in page.sources)
    embedded = {base64.b64decode(source.partition("base64,")[2]) for source in page.sources}
    served = {answer.file.read_bytes() for answer in picture.answers if answer.file}
    assert len(embedded & served) >= 3, "expected the hero, the small picture and the crop as they were served"


def test_a_page_of_many_pictures_links_to_files_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_sheet, "_EMBEDDED_BYTES", 1000)
    text = write([ready(tmp_path)], tmp_path)
    sources = Page(text).sources
    assert sources
    assert all((tmp_path / source).is_file() for source in sources)
    assert len(text) < 40_000


def test_properties_are_measured_on_the_served_bytes(tmp_path: Path) -> None:
    picture = ready(tmp_path)
    assert picture.inspection is not None
    assert picture.inspection.original.gps
    assert picture.inspection.original.preview > 0
    assert picture.inspection.original.profile == "Display P3"
    assert picture.faults == ()
    page = Page(write([picture], tmp_path))
    for words in ("needs a quarter turn right", "Display P3", "present", "upright", "sRGB, ΔE", "Maker One"):
        assert words in page.words
    assert "still present" not in page.words


def keep_exif(data: bytes) -> bytes:
    image = pyvips.Image.new_from_buffer(data, "").copy()
    image.set_type(pyvips.GValue.gstr_type, "exif-ifd3-GPSLatitude", "46/1 34/1 0/1")
    return bytes(image.jpegsave_buffer(keep="exif"))


def turn(data: bytes) -> bytes:
    return bytes(pyvips.Image.new_from_buffer(data, "").rot180().jpegsave_buffer(keep="none"))


def tag_sideways(data: bytes) -> bytes:
    image = pyvips.Image.new_from_buffer(data, "").copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    return bytes(image.jpegsave_buffer(keep="exif"))


def profiled(data: bytes) -> bytes:
    image = pyvips.Image.new_from_buffer(data, "").copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", display_p3())
    return bytes(image.jpegsave_buffer(keep="icc"))


@pytest.mark.parametrize(
    ("spoil", "leak"),
    [(keep_exif, "GPS"), (keep_exif, "EXIF"), (tag_sideways, "orientation tag"), (profiled, "colour profile")],
)
def test_metadata_in_any_served_file_is_a_fault(tmp_path: Path, spoil: Callable[[bytes], bytes], leak: str) -> None:
    picture = ready(tmp_path, spoil=spoil)
    assert f"expected served pictures without {leak} but received one with it" in picture.faults
    page = write([picture], tmp_path)
    assert 'class="wrong"' in page
    assert leak in Page(page).words


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_distinguished_from_turned_and_mirrored(tmp_path: Path, orientation: int) -> None:
    original, served = tmp_path / "original.jpg", tmp_path / "served.jpg"
    with_orientation(corners(), orientation).write_to_file(f"{original}[keep=exif]")
    corners().write_to_file(f"{served}[keep=none]")
    assert inspect_served(original, [served]).upright
    for other in (corners().rot180(), corners().fliphor(), corners().rot90()):
        other.write_to_file(f"{served}[keep=none]")
        assert not inspect_served(original, [served]).upright


def test_a_profile_dropped_without_conversion_is_a_fault(tmp_path: Path) -> None:
    original, served = tmp_path / "original.jpg", tmp_path / "served.jpg"
    wide = corners().copy()
    wide.set_type(pyvips.GValue.blob_type, "icc-profile-data", display_p3())
    wide.write_to_file(f"{original}[keep=icc]")
    wide.write_to_file(f"{served}[keep=none]")
    assert not inspect_served(original, [served]).faithful
    wide.icc_transform("srgb", embedded=True).write_to_file(f"{served}[keep=none]")
    assert inspect_served(original, [served]).faithful


def test_heic_originals_are_compared(tmp_path: Path) -> None:
    original, served = tmp_path / "original.heic", tmp_path / "served.jpg"
    pillow_heif.from_bytes("RGB", (240, 160), corners().write_to_memory()).save(original, quality=90)
    corners().write_to_file(f"{served}[keep=none]")
    inspection = inspect_served(original, [served])
    assert inspection.upright
    assert inspection.faithful
    corners().rot180().write_to_file(f"{served}[keep=none]")
    assert not inspect_served(original, [served]).upright


@pytest.mark.parametrize(
    ("lose", "cause"),
    [
        (lambda path: path.unlink(), "No such file or directory"),
        (lambda path: path.write_bytes(b"overwritten"), "VipsForeignLoad: buffer is not in a known format"),
    ],
)
def test_an_incomparable_original_is_a_fault_of_a_ready_picture(
    tmp_path: Path, lose: Callable[[Path], object], cause: str
) -> None:
    picture = ready(tmp_path)
    lose(picture.submission.candidate.path)
    outcome = Outcome(image_id=IMAGE_ID, state="ready", seconds=1)
    row = picture_row(picture.submission, outcome, picture.answers, tmp_path / "files")
    assert row.fate == "ready"
    assert row.faults == (f"cannot be compared with its original: {cause}",)


def test_wrong_responses_are_faults(tmp_path: Path) -> None:
    picture = ready(tmp_path)
    wrong = (
        Answer(ASKS[0], picture.answers[0].variant, 503, "Error", 1.0, 12, "text/plain"),
        Answer(ASKS[1], picture.answers[1].variant, 200, "Miss", 1.0, 12, "image/jpeg"),
        *picture.answers[2:],
    )
    row = picture_row(
        picture.submission, Outcome(image_id=IMAGE_ID, state="ready", seconds=1), wrong, tmp_path / "files"
    )
    assert [fault.split(":")[0] for fault in row.faults] == ["Chromium, w=256", "Safari 15, w=256"]
    assert "expected 200 and image/avif but received 503 and text/plain" in row.faults[0]
    assert "fault" in Page(write([row], tmp_path)).words


def test_rejected_files_are_listed_with_their_reasons(tmp_path: Path) -> None:
    lost = Picture(Submission(Candidate("late.jpg", Path("x")), 5, IMAGE_ID), "no outcome", reason="none in time")
    pictures = [rejected("broken.jpg", "corrupt", "expected pixels"), lost]
    page = Page(write(pictures, tmp_path))
    for words in ("broken.jpg", "corrupt", "expected pixels", "late.jpg", "no outcome", "none in time"):
        assert words in page.words
    assert page.sources == []


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>.jpg", 'a" onerror="x.jpg', "&amp; {{ totals }} {% if %}.jpg", "été/日本 🌅.jpg"]
)
def test_any_name_is_escaped(tmp_path: Path, name: str) -> None:
    text = write([ready(tmp_path, name), rejected(name, message=name)], tmp_path)
    page = Page(text)
    assert page.words.count(name) >= 3
    assert "script" not in page.tags
    assert "onerror" not in page.attributes


def test_totals_count_each_variant_once(tmp_path: Path) -> None:
    picture = ready(tmp_path)
    totals = Totals.of([picture, rejected("x.jpg")])
    assert (totals.pictures, totals.fates["ready"], totals.fates["rejected"], totals.unsettled) == (2, 1, 1, 0)
    assert totals.answers == len(ASKS)
    assert totals.hits == len(ASKS) - len({answer.variant for answer in picture.answers})
    assert totals.bytes_in == picture.submission.bytes
    files = {answer.file for answer in picture.answers if answer.file and answer.variant.format == "webp"}
    assert totals.bytes_out["webp"] == sum(file.stat().st_size for file in files)
    assert totals.median_seconds == 1.5


def test_a_page_without_ready_pictures_is_valid(tmp_path: Path) -> None:
    assert "Rejected and failed files" in Page(write([rejected("x")], tmp_path)).words
