"""Measurements on one small rendered picture: they are what they say, and they are kept."""

import io
from pathlib import Path

import numpy as np
import pytest
from pictures import corners
from ssimulacra2 import compute_ssimulacra2

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.core.settings.pictures import JpegEncoder
from operations.calibration.measure import measure, summarize, tasks
from operations.calibration.photographs import NoPhotographsError, find_photographs, pixels_of, reference
from operations.calibration.quality import Reference, decoded

pytestmark = pytest.mark.extra

SETTINGS = load_settings()
RUNG = 256


def jpeg(quality: int) -> JpegEncoder:
    return JpegEncoder(quality=quality, quantization_table=0, progressive=False, trellis=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    corners(600, 400).jpegsave(str(photographs / "corners.jpg"), Q=97)
    (photographs / "notes.txt").write_text("no picture", encoding="utf-8")
    return photographs


def test_only_pictures_are_photographs(folder: Path) -> None:
    photographs, refused = find_photographs(folder, SETTINGS)
    assert [(each.name, each.size.width, each.size.height) for each in photographs] == [("corners", 600, 400)]
    assert list(refused) == ["notes.txt"]


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_folders_without_photographs_are_errors(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoPhotographsError, match=f"expected .* {tmp_path / name}|received {tmp_path / name}"):
        find_photographs(tmp_path / name, SETTINGS)


def test_our_pixels_are_close_to_the_reference(folder: Path) -> None:
    (photograph,), _ = find_photographs(folder, SETTINGS)
    ours, expected = pixels_of(photograph, Variant(RUNG, 0, "jpeg"), SETTINGS), reference(photograph, RUNG, SETTINGS)
    assert ours.shape == expected.pixels.shape == (171, RUNG, 3)
    assert expected.ssimulacra2(ours) > 90


def test_the_score_falls_with_quality() -> None:
    reference = Reference(corners(200, 160).numpy())
    assert reference.ssimulacra2(reference.pixels) == pytest.approx(100)
    assert reference.ssimulacra2(corners(200, 160).gaussblur(3).numpy()) < 80
    with pytest.raises(ValueError, match=r"expected pixels of shape \(160, 200, 3\) but received \(160, 100, 3\)"):
        reference.ssimulacra2(reference.pixels[:, :100])


@pytest.mark.parametrize(("width", "height"), [(64, 64), (200, 161), (9, 300)])
def test_precomputed_references_give_the_same_score_as_the_port(width: int, height: int) -> None:
    sharp, soft = corners(width, height), corners(width, height).gaussblur(0.6)
    files = [io.BytesIO(picture.pngsave_buffer()) for picture in (sharp, soft)]
    reference = Reference(sharp.numpy())
    expected = compute_ssimulacra2(*files)
    assert [reference.ssimulacra2(soft.numpy()) for _ in range(2)] == [expected, expected]


def test_alpha_is_flattened_on_white() -> None:
    clear = np.zeros((16, 16, 4), np.uint8)
    data = corners(16, 16).new_from_array(clear).copy(interpretation="srgb").pngsave_buffer()
    assert decoded(data).min() == 255


@pytest.mark.slow
def test_higher_quality_scores_and_weighs_more_and_is_measured_once(folder: Path, tmp_path: Path) -> None:
    photographs, _ = find_photographs(folder, SETTINGS)
    work = tasks(photographs, [RUNG], [("jpeg", jpeg(30)), ("jpeg", jpeg(90))])
    assert [len(task.encoders) for task in work] == [2]
    progress: list[int] = []

    def measured() -> list[tuple[int, float, float]]:
        found = measure(work, SETTINGS, processes=1, cache=tmp_path / "cache", done=progress.append)
        return [(each.bytes, each.cpu_seconds, each.ssimulacra2) for each in found]

    first = measured()
    (small, _, poor), (large, _, good) = first
    assert small < large
    assert poor < good
    assert progress == [2]
    assert measured() == first, "expected the second run to answer from the cache, CPU included"


@pytest.mark.slow
def test_a_summary_of_several_encoders_is_an_error(folder: Path, tmp_path: Path) -> None:
    photographs, _ = find_photographs(folder, SETTINGS)
    work = tasks(photographs, [256, 512], [("jpeg", jpeg(60)), ("jpeg", jpeg(80))])
    found = measure(work, SETTINGS, processes=1, cache=tmp_path / "cache")
    point = summarize(each for each in found if each.encoder == jpeg(60))
    assert point.quality == 60
    assert point.pixels == (256 * 171 + 512 * 341) / 2
    assert point.bits_per_pixel == pytest.approx(8 * point.bytes / point.pixels)
    with pytest.raises(ValueError, match="of one encoder but received 2"):
        summarize(found)
