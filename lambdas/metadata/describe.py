"""From an original's bytes to its metadata and its plan; no AWS."""

import hashlib

from lambdas.imaging.deadline import Deadline
from lambdas.imaging.decode import decode
from lambdas.imaging.formats import ORIGINAL_MIME_TYPES, OriginalFormat
from lambdas.imaging.geometry import Size, drawn_size
from lambdas.imaging.inspect import inspect
from lambdas.imaging.plan import plan
from lambdas.keys import Variant
from lambdas.messages import Group, Metadata
from lambdas.settings import Settings


def describe(data: bytes, fmt: OriginalFormat, settings: Settings) -> tuple[Metadata, tuple[Group, ...]]:
    """Read the header, decode a thumbnail to see that the pixels are whole, and plan the drawing.

    Raises:
        RejectedError: the picture is corrupt, beyond the limits, or takes longer than the deadline.
    """
    header = inspect(data, settings.limits)
    decode(data, header, _thumbnail_size(header.size, settings), Deadline(settings.limits.decode_seconds))
    metadata = Metadata(
        width=header.size.width,
        height=header.size.height,
        format=fmt,
        mime_type=ORIGINAL_MIME_TYPES[fmt],
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        orientation=header.orientation,
        color_space=header.color_space,
        profile=header.profile,
        alpha=header.alpha,
        pages=header.pages,
    )
    groups = plan(header.size, fmt, settings.eager_variants, settings)
    return metadata, tuple(Group(variants=tuple(group)) for group in groups)


def _thumbnail_size(original: Size, settings: Settings) -> Size:
    """The bottom rung's: the loader shrinks the most, yet reads every byte."""
    return drawn_size(original, Variant(settings.ladder.widths[0], 0, "jpeg"))
