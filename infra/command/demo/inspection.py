"""What the originals told and what the served pictures tell, measured on their bytes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.command.demo.pixels import shrink
from infra.command.demo.records import Inspection, Traits
from lambdas.imaging.colour.icc import profile_name
from lambdas.imaging.engine import pyvips

Lab = NDArray[np.float32]
"""Rows, columns and the three bands of CIELAB."""

_COMPARED = 96  # pixels across and down at which pictures are compared
_PREVIEW_SIDE = 480
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

# Pictures are read here and not by libvips, which takes no name that is not UTF-8 and reads options out of others.


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
    """Return the picture as a square of CIELAB values; upright if ``turn``, its profile heeded if ``managed``."""
    small = shrink(data, _COMPARED, square=True, turn=turn, managed=managed)
    return np.asarray(small.colourspace("lab").numpy(), np.float32)[..., :3]


def _difference(one: Lab, other: Lab) -> float:
    first, second = (
        pyvips.Image.new_from_array(np.ascontiguousarray(lab)).copy(interpretation="lab") for lab in (one, other)
    )
    return float(first.dE00(second).avg())


def inspect_served(original: Path, served: list[Path]) -> Inspection:
    """Hold the pictures in ``served`` against the ``original`` that they were made of; of the first, every pixel.

    Raises:
        Error: one of them is no picture that libvips can read.
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
    """Write what a viewer sees who obeys neither the orientation nor the profile of ``original``, as a small JPEG.

    Raises:
        Error: it is no picture that libvips can read.
    """
    small = shrink(original.read_bytes(), _PREVIEW_SIDE, square=False, turn=False, managed=False)
    target.write_bytes(small.jpegsave_buffer(Q=80, keep="none"))
