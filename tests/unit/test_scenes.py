"""The demo's rendered photographs: reproducible, and stored so that the pipeline has everything to do."""

import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import ExifTags
from PIL import Image as PillowImage

from lambdas.imaging.colour.icc import profile_name
from operations.calibration.scenes import SCENES, Scene, write_scenes
from operations.calibration.scenes.camera import MAKE, as_stored
from operations.calibration.scenes.color_profile import display_p3

SMALL = 320


@cache
def developed(scene: Scene) -> pyvips.Image:
    return scene.develop(SMALL).copy_memory()


def named(scene: Scene) -> str:
    return scene.name


@pytest.mark.parametrize("scene", SCENES, ids=named)
def test_the_same_seed_gives_the_same_pixels(scene: Scene) -> None:
    assert np.array_equal(developed(scene).numpy(), scene.develop(SMALL).numpy())


@pytest.mark.parametrize("scene", SCENES, ids=named)
def test_scenes_have_contrast_and_detail(scene: Scene) -> None:
    picture = developed(scene)
    assert (picture.width, picture.height) == ((240, 320) if scene.portrait else (320, 240))
    assert picture.deviate() > 20, "expected contrast"
    assert picture.gaussblur(3).subtract(picture).deviate() > 2.5, "expected detail and grain"


@pytest.mark.parametrize("scene", SCENES, ids=named)
def test_scenes_are_stored_as_by_a_phone(scene: Scene) -> None:
    file = scene.photograph(SMALL)
    stored = pyvips.Image.new_from_buffer(file, "")
    assert stored.get("icc-profile-data") == display_p3()

    tags = PillowImage.open(io.BytesIO(file)).getexif()
    assert tags[ExifTags.Base.Orientation] == scene.shot.orientation
    assert tags[ExifTags.Base.Make] == MAKE
    position = tags.get_ifd(ExifTags.IFD.GPSInfo)
    degrees, minutes, seconds = map(float, position[ExifTags.GPS.GPSLatitude])
    hemisphere = 1 if position[ExifTags.GPS.GPSLatitudeRef] == "N" else -1
    assert (degrees + minutes / 60 + seconds / 3600) * hemisphere == pytest.approx(scene.shot.latitude, abs=1e-5)

    preview = pyvips.Image.new_from_buffer(stored.get("jpeg-thumbnail-data"), "")
    assert preview.width / preview.height == pytest.approx(stored.width / stored.height, rel=0.02)

    upright = developed(scene).numpy().astype(int)
    seen = stored.autorot().numpy().astype(int)
    assert seen.shape == upright.shape
    assert np.abs(seen - upright).mean() < 6, "expected the upright scene from a viewer that obeys the orientation"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_a_stored_picture_upright(orientation: int) -> None:
    upright = pyvips.Image.new_from_array(np.arange(24, dtype=np.uint8).reshape(4, 6))
    stored = as_stored(upright, orientation).copy()
    stored.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    assert np.array_equal(stored.autorot().numpy(), upright.numpy())


@pytest.mark.parametrize("orientation", [0, 9, -1])
def test_unknown_orientations_are_errors(orientation: int) -> None:
    with pytest.raises(ValueError, match="expected an orientation from 1 to 8 but received"):
        as_stored(pyvips.Image.black(2, 2), orientation)


def test_the_scenes_differ_in_orientation_and_shape() -> None:
    assert len({scene.shot.orientation for scene in SCENES}) == len(SCENES)
    assert {scene.portrait for scene in SCENES} == {True, False}


def test_display_p3_agrees_with_the_profile_built_into_libvips() -> None:
    colors = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    picture = pyvips.Image.new_from_array(colors).copy(interpretation="srgb")
    reference = picture.icc_import(pcs="lab", input_profile="p3")
    picture.set_type(pyvips.GValue.blob_type, "icc-profile-data", display_p3())
    assert picture.icc_import(pcs="lab", embedded=True).dE00(reference).max() < 0.6
    assert profile_name(display_p3()) == "Display P3"


def test_display_p3_is_a_profile_wider_than_srgb() -> None:
    red = pyvips.Image.new_from_array(np.array([[[255, 0, 0]]], np.uint8)).copy(interpretation="srgb")
    red.set_type(pyvips.GValue.blob_type, "icc-profile-data", display_p3())
    as_lab = red.icc_import(pcs="lab", embedded=True).numpy()[0, 0]
    srgb = red.icc_import(pcs="lab", input_profile="srgb", embedded=False).numpy()[0, 0]
    chroma, srgb_chroma = np.hypot(*as_lab[1:]), np.hypot(*srgb[1:])
    assert chroma > srgb_chroma + 5


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_scenes(tmp_path_factory.mktemp("scenes"), long_side=SMALL)


@pytest.mark.slow
def test_scenes_are_written_once_and_again_if_one_is_missing(written: list[Path]) -> None:
    folder = written[0].parent
    assert [path.stem for path in written[: len(SCENES)]] == [scene.name for scene in SCENES]
    times = {path: path.stat().st_mtime_ns for path in written}
    assert write_scenes(folder, long_side=SMALL) == written
    assert {path: path.stat().st_mtime_ns for path in written} == times

    lost, kept = written[0].read_bytes(), written[1].read_bytes()
    written[0].unlink()
    write_scenes(folder, long_side=SMALL)
    assert (written[0].read_bytes(), written[1].read_bytes()) == (lost, kept)


@pytest.mark.slow
def test_damaged_files_are_written_too(written: list[Path]) -> None:
    *_, text, broken = written
    assert text.read_bytes().isascii()
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_buffer(text.read_bytes(), "")
    header = pyvips.Image.new_from_buffer(broken.read_bytes(), "", fail_on="truncated")
    assert header.width > 0
    with pytest.raises(pyvips.Error):
        header.avg()
    assert io.BytesIO(broken.read_bytes()).read(2) == b"\xff\xd8"
