"""Originals and served pictures compared, measured on their bytes.

Files are read here rather than by libvips, which accepts only UTF-8 names and finds options in some. Pictures are
decoded apart from the pipeline's own decoder.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pi_heif
from numpy.typing import NDArray

from infra.command.demo.records import Inspection, Traits
from lambdas.imaging.colour.icc import profile_name
from lambdas.imaging.engine import pyvips
from lambdas.imaging.formats import SNIFF_BYTES, sniff

Lab = NDArray[np.float32]
"""Rows, columns and the three bands of CIELAB."""

_COMPARED_SIDE = 96  # pixels
_PREVIEW_SIDE = 480
_WHITE = 255
# How each EXIF orientation is undone (Exif 2.32, tag Orientation), on an array of rows and columns.
_UNDO: dict[int, Callable[[Lab], Lab]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def _traits(data: bytes) -> Traits:
    image = pyvips.Image.new_from_buffer(data, "", access="sequential")
    fields = set(image.get_fields())
    profile = bytes(image.get("icc-profile-data")) if "icc-profile-data" in fields else None
    make, model = (_text(image, name) if name in fields else "" for name in ("exif-ifd0-Make", "exif-ifd0-Model"))
    return Traits(
        format=str(image.get("vips-loader")).removesuffix("load_buffer").removesuffix("load"),
        width=image.width,
        height=image.height,
        orientation=int(image.get("orientation")) if "orientation" in fields else 1,
        color_space=str(image.interpretation),
        profile=(profile_name(profile) or "unnamed") if profile else None,
        camera=(model if model.startswith(make) else f"{make} {model}").strip() or None,
        exif_fields=sum(name.startswith("exif-ifd") for name in fields),
        gps=any(name.startswith("exif-ifd3-GPSL") for name in fields),
        preview=len(bytes(image.get("jpeg-thumbnail-data"))) if "jpeg-thumbnail-data" in fields else 0,
    )


def _text(image: "pyvips.Image", field: str) -> str:
    # libvips prints an EXIF value as "text (text, ASCII, 9 components, 9 bytes)".
    return str(image.get(field)).split(" (")[0].strip()


def _lab(data: bytes, *, turn: bool = True, managed: bool = True) -> Lab:
    """Return the picture as a square of CIELAB values, upright if ``turn``, with its profile applied if ``managed``."""
    small = _shrink(data, _COMPARED_SIDE, square=True, turn=turn, managed=managed)
    return np.asarray(small.colourspace("lab").numpy(), np.float32)[..., :3]


def _difference(one: Lab, other: Lab) -> float:
    first, second = (
        pyvips.Image.new_from_array(np.ascontiguousarray(lab)).copy(interpretation="lab") for lab in (one, other)
    )
    return float(first.dE00(second).avg())


def inspect_served(original: Path, served: list[Path]) -> Inspection:
    """Compare the pictures in ``served`` with their ``original``: the properties of all, the pixels of the first.

    Raises:
        Error: libvips cannot read one of them.
        ValueError: nothing was served.
    """
    if not served:
        raise ValueError("expected at least one served picture but received none")
    data = original.read_bytes()
    traits, stored, seen = _traits(data), _lab(data, turn=False), _lab(served[0].read_bytes())
    by_orientation = {number: _difference(undo(stored), seen) for number, undo in _UNDO.items()}
    # A picture that looks the same in a mirror matches two ways equally well.
    upright = by_orientation[traits.orientation] <= min(by_orientation.values()) + 0.05
    return Inspection(
        original=traits,
        served={path: _traits(path.read_bytes()) for path in served},
        upright=upright,
        color_difference=_difference(_lab(data), seen),
        unmanaged_difference=_difference(_lab(data, managed=False), seen) if traits.numbers_are_rgb else None,
    )


def write_as_stored(original: Path, target: Path) -> None:
    """Write what a viewer shows that ignores the orientation and the profile of ``original``, as a small JPEG.

    Raises:
        Error: libvips cannot read it.
    """
    small = _shrink(original.read_bytes(), _PREVIEW_SIDE, square=False, turn=False, managed=False)
    target.write_bytes(small.jpegsave_buffer(Q=80, keep="none"))


def _shrink(data: bytes, side: int, *, square: bool, turn: bool, managed: bool) -> "pyvips.Image":
    """Return the picture in ``data`` within ``side`` pixels: 8-bit sRGB or grey, on white.

    ``square`` distorts it to ``side`` by ``side``; ``turn`` applies its orientation, ``managed`` its colour profile.

    Raises:
        Error: it cannot be read.
    """
    options: dict[str, Any] = {"height": side, "size": "force" if square else "down", "no_rotate": not turn}
    if managed:
        options["output_profile"] = "srgb"
    if sniff(data[:SNIFF_BYTES]) == "heic":
        small = _heic(data).thumbnail_image(side, **options)
    else:
        small = pyvips.Image.thumbnail_buffer(data, side, **options)
    if small.hasalpha():
        small = small.flatten(background=_WHITE)
    if small.interpretation not in ("srgb", "b-w"):
        small = small.colourspace("srgb")
    return small.cast("uchar")


def _heic(data: bytes) -> "pyvips.Image":
    """Decode HEIC, for which libvips's wheel has no decoder. It is upright: the file's own boxes turn it."""
    try:
        picture = pi_heif.open_heif(data, convert_hdr_to_8bit=True)
        # A copy, because the pixels are freed with pi_heif's picture.
        image = pyvips.Image.new_from_array(np.array(picture)).copy(interpretation="srgb")
    except (ValueError, EOFError, RuntimeError) as error:
        raise pyvips.Error(f"expected a HEIC picture but received: {error}") from error
    if profile := picture.info.get("icc_profile"):
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image
