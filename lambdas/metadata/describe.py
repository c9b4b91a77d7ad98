"""Describe an original: its metadata, and the groups in which its variants are drawn. No AWS."""

import hashlib
import math

from lambdas.core.keys import Variant
from lambdas.core.messages import GeoPosition, Group, Metadata
from lambdas.core.settings import Settings
from lambdas.imaging.colour.conversion import is_reduced
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.decode import decode
from lambdas.imaging.engine import pyvips
from lambdas.imaging.formats import ORIGINAL_MIME_TYPES, OriginalFormat
from lambdas.imaging.geometry import drawn_size
from lambdas.imaging.inspect import Header, first_frame_reason, inspect, kept_frames
from lambdas.imaging.plan import plan
from lambdas.imaging.rejection import RejectedError
from lambdas.metadata.placeholder import placeholder

_THUMBNAIL_WIDTH = 256  # pixels
# Declared by clients that do not know the type; S3's own default.
_UNSPECIFIC = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heic",
}


def describe(
    data: bytes,
    fmt: OriginalFormat,
    settings: Settings,
    declared_type: str | None = None,
    *,
    seconds: float = math.inf,
) -> tuple[Metadata, tuple[Group, ...]]:
    """Read the header, decode a thumbnail to check that the pixels are whole, and plan the drawing.

    ``declared_type`` is the content type that the uploader declared; ``seconds`` may pass by the clock.

    Raises:
        RejectedError: the picture is corrupt, beyond the limits, or takes too much CPU time.
        OutOfTimeError: ``seconds`` have passed; a retry may help.
    """
    header = inspect(data, settings.limits)
    frames = kept_frames(header, settings)
    thumbnail, damaged = _thumbnail(data, header, settings, seconds)
    shown = placeholder(thumbnail)
    place = header.exif.position if settings.metadata.keep_gps else None
    metadata = Metadata(
        width=header.size.width,
        height=header.size.height,
        format=fmt,
        mime_type=ORIGINAL_MIME_TYPES[fmt],
        declared_type=declared_type,
        type_mismatch=is_mismatch(declared_type, fmt),
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        orientation=header.orientation,
        color_space=header.color_space,
        profile=header.profile,
        profile_ignored=header.profile_ignored,
        hdr="dropped" if header.hdr else "none",
        gamut="reduced" if is_reduced(header) else "kept",
        alpha=header.alpha,
        pages=header.pages,
        animation="none" if not header.moving else "kept" if frames > 1 else "first_frame",
        first_frame_reason=first_frame_reason(header, settings) if header.moving else None,
        damaged=damaged,
        camera_make=header.exif.make,
        camera_model=header.exif.model,
        captured_at=header.exif.captured_at,
        position=GeoPosition(latitude=place.latitude, longitude=place.longitude) if place else None,
        dominant_color=shown.dominant_color,
        thumbhash=shown.thumbhash,
    )
    groups = plan(header.size, fmt, settings.eager_variants, settings, frames=frames)
    return metadata, tuple(Group(variants=tuple(group)) for group in groups)


def is_mismatch(declared: str | None, found: OriginalFormat) -> bool:
    """Return whether the content type ``declared`` contradicts ``found``, the format by the bytes."""
    essence = (declared or "").partition(";")[0].strip().lower()
    return essence not in _UNSPECIFIC and _ALIASES.get(essence, essence) != ORIGINAL_MIME_TYPES[found]


def _thumbnail(data: bytes, header: Header, settings: Settings, seconds: float) -> tuple["pyvips.Image", bool]:
    """Decode at a small size, which still reads every byte; also return whether the file is damaged."""
    size = drawn_size(header.size, Variant(_THUMBNAIL_WIDTH, 0, "jpeg"))
    deadline = Deadline(settings.limits.decode_seconds, seconds)
    try:
        return decode(data, header, size, deadline, fail_on="missing"), False
    except RejectedError as error:
        if error.code != "corrupt" or not settings.limits.accept_truncated:
            raise
    return decode(data, header, size, deadline, fail_on="none"), True
