"""What an original's header says, read by libvips before any pixel is decoded."""

from dataclasses import dataclass
from typing import Any

from lambdas.imaging.engine import pyvips
from lambdas.imaging.geometry import Size
from lambdas.imaging.limits import check_dimensions
from lambdas.imaging.profile import profile_name
from lambdas.imaging.rejection import RejectedError
from lambdas.picture_settings import Limits

_SIDEWAYS = range(5, 9)  # EXIF orientations whose rows are the upright picture's columns


@dataclass(frozen=True, slots=True)
class Header:
    """A picture as its header describes it; nothing here has been decoded yet."""

    size: Size
    """Upright, in pixels."""
    orientation: int
    """EXIF orientation found, 1 to 8; AVIF says 1, for its own boxes have turned it already."""
    color_space: str
    """libvips' name: srgb, rgb16, b-w, cmyk, lab …"""
    profile: str | None
    """Description of the embedded ICC profile; None if there is none."""
    alpha: bool
    pages: int
    """Frames of an animation, pages of a TIFF."""


def inspect(data: bytes, limits: Limits) -> Header:
    """Read the header of the picture in ``data`` and hold it against ``limits``.

    Raises:
        RejectedError: ``corrupt``, ``too_many_pixels`` or ``too_long_side``.
    """
    try:
        image = pyvips.Image.new_from_buffer(data, "", access="sequential")
    except pyvips.Error as error:
        raise RejectedError("corrupt", f"expected a picture's header but received: {reason(error)}") from error
    stored = Size(image.width, image.height)
    whole_frame = image.get("vips-loader").startswith("heif")
    check_dimensions(stored.width, stored.height, limits, whole_frame=whole_frame)
    orientation = _orientation(image)
    embedded = _field(image, "icc-profile-data")
    return Header(
        size=Size(stored.height, stored.width) if orientation in _SIDEWAYS else stored,
        orientation=orientation,
        color_space=str(image.interpretation),
        profile=profile_name(bytes(embedded)) or "unnamed" if embedded else None,
        alpha=bool(image.hasalpha()),
        pages=int(_field(image, "n-pages") or 1),
    )


def reason(error: "pyvips.Error") -> str:
    """Return the first line of what libvips says went wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # The first line names the operation, the second the cause.
    return (lines[1] if len(lines) > 1 else lines[0] if lines else "no reason")[:200]


def _field(image: "pyvips.Image", name: str) -> Any:
    return image.get(name) if image.get_typeof(name) else None


def _orientation(image: "pyvips.Image") -> int:
    found = _field(image, "orientation")
    return found if found in range(1, 9) else 1
