"""A row of the images table: how it is written, read and flattened for analytics; no AWS."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from pydantic import Field

from lambdas.core.keys import Variant
from lambdas.core.life import State, format_instant
from lambdas.core.messages import CheckedImageId, Image, Message, RecordRequest, Rejection
from lambdas.imaging.formats import OriginalFormat
from lambdas.imaging.geometry import Focus, Size

# ---- Writing


def rejection_of(request: RecordRequest) -> Rejection | None:
    """Return why the image is rejected, by whichever step; None if it is ready, or held."""
    found = (request.rejection, *(derived.rejection for derived in request.derivations))
    if request.inspection.verdict == "reject":
        found = (*found, Rejection(code="refused", message=request.inspection.reason or "refused by inspection"))
    return next((rejection for rejection in found if rejection is not None), None)


def results(request: RecordRequest, recorded_at: datetime) -> dict[str, Any]:
    """Return the attributes, of JSON types, that an image's outcome adds to its row.

    ``timings`` are seconds by step; ``derive`` is the longest group's, ``derive_all_groups`` their sum.
    """
    rejection = rejection_of(request)
    found: dict[str, Any] = {"recorded_at": format_instant(recorded_at), "timings": _timings(request)}
    if rejection is not None:
        return {**found, "rejection": rejection.to_json()}
    if request.inspection.reason:
        found["inspection"] = request.inspection.reason
    derivatives = {
        str(made.variant): made.model_dump(mode="json", exclude={"variant"}, exclude_none=True)
        for derived in request.derivations
        for made in derived.derivatives
    }
    metadata = request.metadata.to_json() if request.metadata else {}
    return {**found, "metadata": metadata, "derivatives": derivatives}


def original_of(image: Image) -> dict[str, Any]:
    """Return what a row holds of the original of ``image``."""
    return image.model_dump(mode="json", include={"bucket", "key", "version_id", "etag", "bytes", "format"})


def _timings(request: RecordRequest) -> dict[str, float]:
    groups = [derived.seconds for derived in request.derivations]
    drawn = {"derive": max(groups), "derive_all_groups": round(sum(groups), 4)} if groups else {}
    return {**request.timings, **drawn}


# ---- Reading, by those who draw more of an image


class OriginalRecord(Message):
    """Where an original is."""

    bucket: str
    key: str
    version_id: str | None
    etag: str


class CropFocus(NamedTuple):
    """What crops of an image keep in view, None if that is left to the settings; and how often it has changed."""

    point: Focus | None
    version: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "CropFocus":
        """Read it from a row of the images table."""
        held = row.get("focus")
        return cls(Focus(held["x"], held["y"]) if held else None, row.get("focus_version", 0))


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


class UploadRecord(Message):
    """What a client asked to upload; every row has it that ``POST /uploads`` wrote."""

    image_id: CheckedImageId
    tenant: str
    state: State
    key: str = Field(description="S3 key of the original.")
    bytes: int = Field(description="Size that was asked for, and signed.")
    requested_at: str = Field(description="ISO 8601, UTC.")
    multipart_id: str | None = Field(default=None, description="S3's id; None for an upload in one piece.")
    part_bytes: int | None = None


class ImageRecord(Message):
    """An image whose original has arrived."""

    image_id: CheckedImageId
    tenant: str
    state: State
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
    Column("outcome", "string", "ready, rejected or held"),
    Column("rejection", "string", "Why it was rejected, as a code; null if it is ready"),
    Column("format", "string", "Of the original, by its bytes; null if they are no picture"),
    Column("bytes", "bigint", "Size of the original"),
    Column("width", "int", "Of the original, upright, in pixels; null if it was rejected, as all that follow"),
    Column("height", "int", "Of the original, upright, in pixels"),
    Column("alpha", "boolean", "Whether the original has an alpha channel"),
    Column("pages", "int", "Frames of an animation or pages of a document"),
    Column("animation", "string", "none, first_frame or kept: what derivatives keep of it"),
    Column("color_space", "string", "Of the original: srgb, rgb16, b-w, cmyk …"),
    Column("hdr", "string", "none or dropped: whether the original is HDR; derivatives are not"),
    Column("gamut", "string", "kept or reduced: whether the original's colour space is wider than sRGB"),
    Column("type_mismatch", "boolean", "Whether another type was declared than the bytes are of"),
    Column("uploaded_at", "timestamp", "When S3 had the whole original, UTC"),
    Column("recorded_at", "timestamp", "When the outcome was recorded, UTC"),
    Column("derivative_bytes", "map<string,bigint>", "Size of each derivative that the pipeline made, by variant"),
)

_METADATA_COLUMNS = (
    "width", "height", "alpha", "pages", "animation", "color_space", "hdr", "gamut", "type_mismatch"
)  # fmt: skip


def image_row(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the analytics row of an ``item`` of the images table; None for what the item lacks.

    Raises:
        KeyError: the item lacks a field that every image with an outcome has.
    """
    original, metadata = item["original"], item.get("metadata", {})
    return {
        "image_id": item["image_id"],
        "tenant": item["tenant"],
        "outcome": item["state"],
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
