"""From an original's bytes to its metadata and its plan; no AWS."""

import hashlib

from lambdas.core.keys import Variant
from lambdas.core.messages import Group
from lambdas.core.picture_metadata import GeoPosition, Metadata
from lambdas.core.settings import Settings
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.decode import decode
from lambdas.imaging.engine import pyvips
from lambdas.imaging.formats import ORIGINAL_MIME_TYPES, OriginalFormat
from lambdas.imaging.frames import kept_frames
from lambdas.imaging.geometry import Size, drawn_size
from lambdas.imaging.glance import glance
from lambdas.imaging.inspect import Header, inspect
from lambdas.imaging.plan import plan
from lambdas.imaging.rejection import RejectedError
from lambdas.metadata.declared import is_mismatch


def describe(
    data: bytes, fmt: OriginalFormat, settings: Settings, declared_type: str | None = None
) -> tuple[Metadata, tuple[Group, ...]]:
    """Read the header, decode a thumbnail to see that the pixels are whole, and plan the drawing.

    ``declared_type`` is the content type that the uploader declared.

    Raises:
        RejectedError: the picture is corrupt, beyond the limits, or takes longer than the deadline.
    """
    header = inspect(data, settings.limits)
    frames = kept_frames(header, settings)
    thumbnail, damaged = _thumbnail(data, header, settings)
    seen = glance(thumbnail)
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
        alpha=header.alpha,
        pages=header.pages,
        animation="none" if not header.moving else "kept" if frames > 1 else "first_frame",
        damaged=damaged,
        camera_make=header.exif.make,
        camera_model=header.exif.model,
        captured_at=header.exif.captured_at,
        position=GeoPosition(latitude=place.latitude, longitude=place.longitude) if place else None,
        dominant_color=seen.dominant_color,
        thumbhash=seen.thumbhash,
    )
    groups = plan(header.size, fmt, settings.eager_variants, settings, frames=frames)
    return metadata, tuple(Group(variants=tuple(group)) for group in groups)


def _thumbnail(data: bytes, header: Header, settings: Settings) -> tuple["pyvips.Image", bool]:
    """Decode at the bottom rung's size: the loader shrinks the most, yet reads every byte; tell if it is damaged."""
    size = _thumbnail_size(header.size, settings)
    deadline = Deadline(settings.limits.decode_seconds)
    try:
        return decode(data, header, size, deadline), False
    except RejectedError as error:
        if error.code != "corrupt" or not settings.limits.accept_truncated:
            raise
    return decode(data, header, size, deadline, fail_on="none"), True


def _thumbnail_size(original: Size, settings: Settings) -> Size:
    return drawn_size(original, Variant(settings.ladder.widths[0], 0, "jpeg"))
