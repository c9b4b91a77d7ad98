"""A row of the images table: how it is written, read and flattened for analytics; no AWS."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from pydantic import Field

from lambdas.core.keys import Variant
from lambdas.core.messages import CheckedImageId, Message, RecordRequest, Rejection
from lambdas.imaging.formats import OriginalFormat
from lambdas.imaging.geometry import Size

# ---- Writing


def rejection_of(request: RecordRequest) -> Rejection | None:
    """Return why the image is rejected, by whichever step; None if it is ready."""
    found = (request.rejection, *(derived.rejection for derived in request.derivations))
    return next((rejection for rejection in found if rejection is not None), None)


def image_item(request: RecordRequest, recorded_at: datetime) -> dict[str, Any]:
    """Return the item, of JSON types, that holds an image's outcome.

    ``timings`` are seconds by step; ``derive`` is the longest group's, ``derive_all_groups`` their sum.
    """
    image, rejection = request.image, rejection_of(request)
    outcome: Literal["ready", "rejected"] = "ready" if rejection is None else "rejected"
    item: dict[str, Any] = {
        "image_id": image.image_id,
        "tenant": image.tenant,
        "uploaded_at": _format_instant(image.uploaded_at),
        "recorded_at": _format_instant(recorded_at),
        "outcome": outcome,
        "original": image.model_dump(mode="json", include={"bucket", "key", "version_id", "etag", "bytes", "format"}),
        "timings": _timings(request),
    }
    if rejection is not None:
        return {**item, "rejection": rejection.to_json()}
    derivatives = {
        str(made.variant): made.model_dump(mode="json", exclude={"variant"}, exclude_none=True)
        for derived in request.derivations
        for made in derived.derivatives
    }
    metadata = request.metadata.to_json() if request.metadata else {}
    return {**item, "metadata": metadata, "derivatives": derivatives}


def _timings(request: RecordRequest) -> dict[str, float]:
    groups = [derived.seconds for derived in request.derivations]
    drawn = {"derive": max(groups), "derive_all_groups": round(sum(groups), 4)} if groups else {}
    return {**request.timings, **drawn}


def _format_instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---- Reading, by those who draw more of an image


class OriginalRecord(Message):
    """Where an original is."""

    bucket: str
    key: str
    version_id: str | None
    etag: str


class DerivativeRecord(Message):
    """A derivative that was made ahead."""

    bytes: int
    width: int = Field(description="Actual pixels.")
    height: int = Field(description="Actual pixels.")
    calibration: str | None = Field(default=None, description="Encoder settings; None in items from before these.")


class PictureRecord(Message):
    """The part of an original's metadata that drawing depends on."""

    width: int = Field(description="Pixels, upright.")
    height: int = Field(description="Pixels, upright.")
    format: OriginalFormat

    @property
    def size(self) -> Size:
        """Width and height, upright."""
        return Size(self.width, self.height)


class ImageRecord(Message):
    """An image with an outcome."""

    image_id: CheckedImageId
    tenant: str
    outcome: Literal["ready", "rejected"]
    original: OriginalRecord
    rejection: Rejection | None = None
    metadata: PictureRecord | None = Field(default=None, description="Only of a ready image.")
    derivatives: dict[str, DerivativeRecord] = Field(default_factory=dict, description="By variant.")

    def lacks(self, variant: Variant) -> bool:
        """Tell whether ``variant`` was never made ahead, as far as the table knows."""
        return str(variant) not in self.derivatives

    def is_outdated(self, variant: Variant, calibration: str) -> bool:
        """Tell whether ``variant`` was made with other encoder settings than those named ``calibration``."""
        made = self.derivatives.get(str(variant))
        return made is not None and made.calibration != calibration


# ---- Analytics

ColumnType = Literal["string", "int", "bigint", "boolean", "timestamp", "map<string,bigint>"]


class Column(NamedTuple):
    """A column of the analytics table: its type in the Glue catalog, and what it means."""

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

_METADATA_COLUMNS = ("width", "height", "alpha", "pages", "animation", "color_space", "type_mismatch")


def image_row(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the analytics row of an ``item`` as :func:`image_item` makes it; None for what the item lacks.

    Raises:
        KeyError: the item lacks a field that every item has.
    """
    original, metadata = item["original"], item.get("metadata", {})
    return {
        "image_id": item["image_id"],
        "tenant": item["tenant"],
        "outcome": item["outcome"],
        "rejection": item["rejection"]["code"] if "rejection" in item else None,
        "format": metadata.get("format") or original.get("format"),
        "bytes": original["bytes"],
        **{name: metadata.get(name) for name in _METADATA_COLUMNS},
        "uploaded_at": _parse_instant(item["uploaded_at"]),
        "recorded_at": _parse_instant(item["recorded_at"]),
        "derivative_bytes": {variant: made["bytes"] for variant, made in item.get("derivatives", {}).items()},
    }


def _parse_instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
