"""What analytics knows of an image: the images table's item as a flat row, its columns explained; no AWS."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

ColumnType = Literal["string", "int", "bigint", "boolean", "timestamp", "map<string,bigint>"]


class Column(NamedTuple):
    """A column: its type as the Glue catalog writes it, and what it says."""

    name: str
    type: ColumnType
    comment: str


COLUMNS: tuple[Column, ...] = (
    Column("image_id", "string", "As in the address of a picture; p- before a private one"),
    Column("tenant", "string", "Whose it is"),
    Column("outcome", "string", "ready or rejected"),
    Column("rejection", "string", "Why it was rejected, as a code; null if it is ready"),
    Column("format", "string", "Of the original, by its bytes; null if they are no picture"),
    Column("bytes", "bigint", "Size of the original"),
    Column("width", "int", "Of the original, upright, in pixels; null if it was rejected, as all that follow"),
    Column("height", "int", "Of the original, upright, in pixels"),
    Column("alpha", "boolean", "Whether the original has an alpha channel"),
    Column("pages", "int", "Frames of an animation or pages of a document"),
    Column("animation", "string", "none, first_frame or kept: what derivatives keep of it"),
    Column("color_space", "string", "Of the original: srgb, rgb16, b-w, cmyk …"),
    Column("type_mismatch", "boolean", "Whether another type was declared than the bytes are of"),
    Column("uploaded_at", "timestamp", "When S3 had the whole original, UTC"),
    Column("recorded_at", "timestamp", "When the outcome was recorded, UTC"),
    Column("derivative_bytes", "map<string,bigint>", "Size of each derivative that the pipeline made, by variant"),
)

_OF_METADATA = ("width", "height", "alpha", "pages", "animation", "color_space", "type_mismatch")


def image_row(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of an ``item`` as :func:`lambdas.record.item.image_item` makes it; None where it says nothing.

    Raises:
        KeyError: the item lacks what every item has.
    """
    original, metadata = item["original"], item.get("metadata", {})
    return {
        "image_id": item["image_id"],
        "tenant": item["tenant"],
        "outcome": item["outcome"],
        "rejection": item["rejection"]["code"] if "rejection" in item else None,
        "format": metadata.get("format") or original.get("format"),
        "bytes": original["bytes"],
        **{name: metadata.get(name) for name in _OF_METADATA},
        "uploaded_at": _instant(item["uploaded_at"]),
        "recorded_at": _instant(item["recorded_at"]),
        "derivative_bytes": {variant: made["bytes"] for variant, made in item.get("derivatives", {}).items()},
    }


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
