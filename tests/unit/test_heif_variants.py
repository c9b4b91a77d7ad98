"""AVIF and HEIC variants: each is drawn as viewers draw it, or rejected with a sentence that names it."""

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pillow_heif
import pytest
import pyvips
from heif_boxes import parsed, with_item_type, with_properties, written
from pictures import avif, corners, from_array, heic, load, mean_difference, to_pillow, with_orientation
from PIL import Image as PillowImage

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.containers.isobmff import read_items
from lambdas.imaging.formats import SNIFF_BYTES, require_original, sniff
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import inspect
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render

SETTINGS = load_settings()
UPRIGHT = corners(240, 160)
GREY = UPRIGHT.colourspace("b-w")


def drawn(data: bytes) -> pyvips.Image:
    require_original(sniff(data[:SNIFF_BYTES]))
    (derivative,) = render(data, [Variant(256, 0, "webp")], SETTINGS)
    return load(derivative.data)


def by_pillow(picture: PillowImage.Image, **options: Any) -> bytes:
    written_to = io.BytesIO()
    picture.save(written_to, "AVIF", quality=95, speed=10, **options)
    return written_to.getvalue()


def sequence() -> bytes:
    frames = [to_pillow(UPRIGHT), to_pillow(UPRIGHT.invert()), to_pillow(UPRIGHT)]
    return by_pillow(frames[0], save_all=True, append_images=frames[1:], duration=100)


def aperture(width: int, height: int, left: int, top: int) -> tuple[bytes, bytes, bool]:
    """Make a clean aperture of UPRIGHT; its offset is that of the centres."""
    across, down = 2 * left + width - UPRIGHT.width, 2 * top + height - UPRIGHT.height
    return b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, across, 2, down, 2), True


def rejected(data: bytes, named: str, code: str = "unsupported_format") -> None:
    with pytest.raises(RejectedError, match=named) as refused:
        drawn(data)
    assert refused.value.code == code


def test_first_frame_of_an_avif_sequence_is_drawn() -> None:
    data = sequence()
    assert data[8:12] == b"avis"
    assert mean_difference(drawn(data), UPRIGHT) < 4


def test_sequence_without_a_still_is_unsupported() -> None:
    boxes = [(kind, body) for kind, body in parsed(sequence()) if kind != b"meta"]
    rejected(written(boxes), "an image sequence without a still image")


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("boxes", [True, False])
@pytest.mark.parametrize("limits", ["limited", "full"])
def test_monochrome_range_is_expanded(limits: str, boxes: bool, frames: int) -> None:
    """By the boxes or, without them, by the bitstream, whose header is longer in a sequence."""
    grey = PillowImage.fromarray(GREY.numpy().squeeze())
    data = by_pillow(grey, range=limits, save_all=frames > 1, append_images=[grey] * (frames - 1))
    if not boxes:
        data = data.replace(b"colrnclx", b"freenclx")
    assert inspect(data, SETTINGS.limits).structure.limited_grey == (limits == "limited")
    assert mean_difference(drawn(data), GREY) < 2
    independent = np.asarray(PillowImage.open(io.BytesIO(data)).convert("L")).mean()
    assert drawn(data)[0].avg() == pytest.approx(independent, abs=1)


def test_monochrome_heic() -> None:
    written_to = io.BytesIO()
    pillow_heif.from_pillow(to_pillow(GREY.copy())).save(written_to, quality=90)
    assert mean_difference(drawn(written_to.getvalue()), GREY) < 2


@pytest.mark.parametrize("box", [(120, 80, 0, 0), (120, 80, 60, 40), (16, 16, 100, 100), (2, 2, 120, 80)])
def test_clean_aperture_of_an_avif_is_cut_out(box: tuple[int, int, int, int]) -> None:
    width, height, left, top = box
    data = with_properties(avif(UPRIGHT), aperture(*box))
    assert inspect(data, SETTINGS.limits).size == Size(width, height)
    assert mean_difference(drawn(data), UPRIGHT.crop(left, top, width, height)) < 4


def test_clean_aperture_of_a_heic_is_cut_out_unless_it_is_far_smaller() -> None:
    data = heic(UPRIGHT)
    assert mean_difference(drawn(with_properties(data, aperture(232, 150, 4, 6))), UPRIGHT.crop(4, 6, 232, 150)) < 4
    rejected(with_properties(data, aperture(16, 16, 100, 100)), "clean aperture is far smaller than its coded picture")


def test_pixels_are_limited_by_the_coded_picture_however_little_of_it_is_shown() -> None:
    tight = SETTINGS.limits.model_copy(update={"max_whole_frame_pixels": 240 * 160 - 1})
    with pytest.raises(RejectedError) as refused:
        inspect(with_properties(avif(UPRIGHT), aperture(16, 16, 0, 0)), tight)
    assert refused.value.code == "too_many_pixels"


@pytest.mark.parametrize("write", [avif, heic])
@pytest.mark.parametrize("kind", [b"jpeg", b"unci", b"vvc1", b"j2k1", b"mski", b"sato"])
def test_other_item_types_are_unsupported(write: Callable[[pyvips.Image], bytes], kind: bytes) -> None:
    rejected(with_item_type(write(UPRIGHT), kind), f"an item of type {kind.decode()}")


@pytest.mark.parametrize("write", [avif, heic])
@pytest.mark.parametrize("kind", [b"lsel", b"a1op", b"xxxx"])
def test_unknown_essential_properties_are_unsupported(write: Callable[[pyvips.Image], bytes], kind: bytes) -> None:
    rejected(with_properties(write(UPRIGHT), (kind, b"\0\0", True)), f"the property {kind.decode()}")
    assert mean_difference(drawn(with_properties(write(UPRIGHT), (kind, b"\0\0", False))), UPRIGHT) < 4


def translucent() -> tuple[pyvips.Image, pyvips.Image]:
    """Return a picture with alpha that differs in every corner, and that alpha."""
    alpha = np.zeros((160, 240), np.uint8)
    alpha[:, :120], alpha[:80, 120:] = 255, 100
    band = from_array(alpha[..., None]).copy(interpretation="b-w")
    return from_array(np.dstack([UPRIGHT.numpy(), alpha])), band


@pytest.mark.parametrize("write", [avif, heic])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_alpha_is_turned_with_the_colours(write: Callable[..., bytes], orientation: int) -> None:
    picture, alpha = translucent()
    shown = drawn(write(with_orientation(picture, orientation), orientation))
    assert mean_difference(shown[3].copy(interpretation="b-w"), alpha) < 2


def test_alpha_that_is_not_turned_with_the_colours_is_unsupported() -> None:
    picture, alpha = translucent()
    rotation = (b"irot", b"\1", True)
    colours = with_properties(picture.heifsave_buffer(compression="av1", effort=0, Q=90), rotation)
    rejected(colours, "an alpha plane that is not turned as its colours are")
    shown = drawn(with_properties(colours, rotation, item=2))
    assert mean_difference(shown[3].copy(interpretation="b-w"), alpha.rot270()) < 2


@pytest.mark.parametrize(
    ("brands", "item", "found"),
    [
        ((b"mif1", b"miaf"), b"av01", "avif"),
        ((b"mif1",), b"hvc1", "heic"),
        ((b"mif1", b"miaf"), b"unci", "heif"),
        ((b"mif1", b"avci"), b"avc1", "heif"),
        ((b"msf1", b"avcs"), b"", "heif"),
        ((b"isom", b"mp42"), b"av01", None),
    ],
)
def test_brands_that_name_no_codec(brands: tuple[bytes, ...], item: bytes, found: str | None) -> None:
    items = bytes(4) + b"\0\1" + written([(b"infe", b"\2\0\0\0\0\1\0\0" + item)])
    meta = bytes(4) + written([(b"iinf", items)])
    head = written([(b"ftyp", brands[0] + bytes(4) + b"".join(brands)), (b"meta", meta)])
    assert sniff(head) == found
    if found == "heif":
        with pytest.raises(RejectedError) as refused:
            require_original(found)
        assert refused.value.code == "unsupported_format"


@pytest.mark.parametrize(("make", "turned"), [("samsung", True), ("Apple", False)])
def test_exif_turns_a_heic_without_boxes_only_if_samsung_made_it(make: str, turned: bool) -> None:
    exif = PillowImage.Exif()
    exif[0x010F], exif[0x0112] = make, 6
    written_to = io.BytesIO()
    stored = with_orientation(UPRIGHT, 6)
    pillow_heif.from_pillow(to_pillow(stored)).save(written_to, exif=exif.tobytes(), quality=90)
    data = written_to.getvalue().replace(b"irot", b"free")
    assert inspect(data, SETTINGS.limits).orientation == (6 if turned else 1)
    assert mean_difference(drawn(data), UPRIGHT if turned else stored) < 4


@pytest.mark.parametrize("cut", range(0, 500, 9))
def test_truncated_boxes_raise_nothing(cut: int) -> None:
    read_items(heic(UPRIGHT)[:cut])


@pytest.mark.parametrize("premultiplied", [True, False])
def test_premultiplied_colours_are_divided_by_alpha(premultiplied: bool) -> None:
    picture = np.dstack([UPRIGHT.numpy(), np.full((160, 240), 100, np.uint8)])
    data = by_pillow(PillowImage.fromarray(picture), alpha_premultiplied=premultiplied)
    assert (b"prem" in data) is premultiplied
    shown = drawn(data)
    assert mean_difference(shown[:3], UPRIGHT) < 4
    assert shown[3].avg() == pytest.approx(100, abs=2)


def test_premultiplied_heic() -> None:
    picture = np.dstack([UPRIGHT.numpy() * (100 / 255), np.full((160, 240), 100)]).round().astype(np.uint8)
    written_to = io.BytesIO()
    pillow_heif.from_bytes("RGBa", (240, 160), picture.tobytes()).save(written_to, quality=95)
    assert b"prem" in written_to.getvalue()
    assert mean_difference(drawn(written_to.getvalue())[:3], UPRIGHT) < 4
