"""The demo on a typical folder: good pictures, broken ones, odd names, a missing file."""

import os
from pathlib import Path

import pytest
import samples
from rich.console import Console
from typer.testing import CliRunner

from infra.command import app
from infra.command.demo.ingest import collect
from infra.command.demo.records import Picture
from infra.command.demo.run import PAGE, run_demo
from infra.command.demo.viewing import ASKS, LARGE, LAZY, SMALL
from infra.local.stack import LocalStack
from infra.local.state import HOME_VARIABLE
from lambdas.imaging.engine import pyvips
from operations.calibration.scenes.color_profile import display_p3

TENANT = "demo"
FATES = {
    "drawing.svg": ("rejected", "unsupported_format"),
    "empty": ("rejected", "empty"),
    "nested/ein Bild, 日本.jpg": ("ready", ""),
    "notes.txt": ("rejected", "not_an_image"),
    "truncated.jpg": ("rejected", "corrupt"),
    "turned.jpg": ("ready", ""),
}


def turned_jpeg() -> bytes:
    """Return a photograph as a phone stores it: on its side, in Display P3, with EXIF and a position."""
    stored = samples.photograph(1800, 1200).rot270()
    stored.set_type(pyvips.GValue.blob_type, "icc-profile-data", display_p3())
    stored.set_type(pyvips.GValue.gint_type, "orientation", 6)
    stored.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Make", "Maker")
    stored.set_type(pyvips.GValue.gstr_type, "exif-ifd3-GPSLatitudeRef", "N")
    stored.set_type(pyvips.GValue.gstr_type, "exif-ifd3-GPSLatitude", "46/1 30/1 0/1")
    return bytes(stored.jpegsave_buffer(Q=90, keep="icc|exif"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    (root / "nested").mkdir()
    (root / ".hidden.jpg").write_bytes(b"never uploaded")
    (root / "turned.jpg").write_bytes(turned_jpeg())
    (root / "nested" / "ein Bild, 日本.jpg").write_bytes(samples.jpeg(1000, 700))
    (root / "truncated.jpg").write_bytes(samples.truncated_jpeg())
    (root / "notes.txt").write_bytes(samples.TEXT)
    (root / "drawing.svg").write_bytes(samples.SVG)
    (root / "empty").write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def rows(stack: LocalStack, folder: Path, out: Path) -> dict[str, Picture]:
    pictures = run_demo(stack, collect(folder), out, Console(quiet=True), tenant=TENANT)
    return {picture.name: picture for picture in pictures}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


def test_every_file_has_one_row_and_one_outcome(stack: LocalStack, rows: dict[str, Picture]) -> None:
    assert {name: (picture.fate, picture.code) for name, picture in rows.items()} == FATES
    image_ids = [picture.submission.image_id for picture in rows.values()]
    assert len(set(image_ids)) == len(FATES)
    items = stack.client("dynamodb").scan(TableName=stack.parameter("images-table"))["Items"]
    recorded = [item["image_id"]["S"] for item in items]
    assert all(recorded.count(image_id) == 1 for image_id in image_ids)


@pytest.mark.parametrize("name", [name for name, (fate, _) in FATES.items() if fate == "ready"])
def test_each_browser_gets_its_format_and_a_second_request_is_a_hit(rows: dict[str, Picture], name: str) -> None:
    picture = rows[name]
    assert picture.faults == ()
    assert [answer.ask for answer in picture.answers] == list(ASKS)
    assert {answer.ask.browser.format: answer.content_type for answer in picture.answers} == {
        "avif": "image/avif",
        "webp": "image/webp",
        "jpeg": "image/jpeg",
    }
    first = len(SMALL) + len(LARGE) + 1
    assert [answer.cache for answer in picture.answers] == ["Miss"] * first + ["Hit"] * (len(ASKS) - first)


def test_served_pictures_are_upright_srgb_without_metadata(rows: dict[str, Picture]) -> None:
    inspection = rows["turned.jpg"].inspection
    assert inspection is not None
    assert (inspection.original.orientation, inspection.original.profile) == (6, "Display P3")
    assert inspection.original.gps
    assert inspection.upright
    assert inspection.faithful
    assert inspection.leaks == []
    assert {(traits.width, traits.height) for traits in inspection.served.values()} == {
        (256, 171),
        (1600, 1067),
        (512, 512),
    }


def test_the_crop_is_made_on_request(stack: LocalStack, rows: dict[str, Picture]) -> None:
    picture = rows["turned.jpg"]
    table, image_id = stack.parameter("images-table"), picture.submission.image_id or ""
    item = stack.client("dynamodb").get_item(TableName=table, Key={"image_id": {"S": image_id}})["Item"]
    (variant,) = {str(answer.variant) for answer in picture.answers if answer.ask == LAZY}
    assert variant not in item["derivatives"]["M"]
    key = f"{image_id}/{variant}"
    assert stack.client("s3").head_object(Bucket=stack.parameter("derivatives-bucket"), Key=key)["ContentLength"] > 0


def test_the_contact_sheet_lists_every_file(rows: dict[str, Picture], out: Path) -> None:
    page = (out / PAGE).read_text(encoding="utf-8")
    assert all(name in page for name in rows)
    assert "data:image/avif;base64," in page


@pytest.mark.parametrize("options", [["--no-report"], pytest.param([], marks=pytest.mark.extra)])
def test_the_command_succeeds_if_every_file_has_an_outcome(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(stack.folder.home))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "photo.jpg").write_bytes(samples.jpeg(600, 400))
    (pictures / "notes.txt").write_bytes(samples.TEXT)
    ran = CliRunner().invoke(app, ["demo", str(pictures), "--out", str(tmp_path), *options])
    assert ran.exit_code == 0, ran.output
    pages = [Path(line.partition(":")[2].strip()) for line in ran.output.splitlines() if line.endswith(".html")]
    assert len(pages) == (1 if options else 2), ran.output
    assert all("html" in page.read_text(encoding="utf-8")[:200].lower() for page in pages)


def test_the_command_fails_if_a_file_has_no_outcome(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(stack.folder.home))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "gone.jpg").symlink_to(tmp_path / "nowhere")
    ran = CliRunner().invoke(app, ["demo", str(pictures), "--out", str(tmp_path / "out"), "--no-report"])
    assert ran.exit_code == 1
    assert "expected a readable file but received: No such file or directory" in ran.output
    assert "gone.jpg" in (tmp_path / "out" / PAGE).read_text(encoding="utf-8")


def test_names_that_are_not_utf8_are_uploaded(stack: LocalStack, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    try:
        Path(os.fsdecode(os.fsencode(pictures) + b"/\xff.jpg")).write_bytes(samples.jpeg(320, 200))
    except OSError:
        pytest.skip("this file system takes no name that is not UTF-8")
    out = tmp_path / "out"
    out.mkdir()
    (picture,) = run_demo(stack, collect(pictures), out, Console(quiet=True), tenant=TENANT)
    assert (picture.name, picture.fate, picture.faults) == ("\ufffd.jpg", "ready", ())


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["demo", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")])
    assert ran.exit_code == 1
    assert "does not exist" in ran.output
