"""The messages that the pipeline's functions exchange, as the state machine carries them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from lambdas.core.keys import ImageId, Variant, parse_image_id
from lambdas.imaging.containers.frames import FirstFrameReason
from lambdas.imaging.formats import OriginalFormat
from lambdas.imaging.rejection import RejectedError, RejectionCode


class Message(BaseModel):
    """Base of all messages.

    Unknown fields are ignored, so that an execution survives a deployment in the middle of it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)

    def to_json(self) -> dict[str, Any]:
        """Return the message as JSON types: what a handler returns."""
        return self.model_dump(mode="json")


def _variant(value: Any) -> Variant:
    return value if isinstance(value, Variant) else Variant.parse(str(value))


CheckedImageId = Annotated[ImageId, BeforeValidator(parse_image_id)]
VariantText = Annotated[Variant, BeforeValidator(_variant), PlainSerializer(str, return_type=str)]


class Rejection(Message):
    """Why an original is rejected for good."""

    code: RejectionCode
    message: str

    @classmethod
    def of(cls, error: RejectedError) -> "Rejection":
        """Turn an error of the imaging code into data."""
        return cls(code=error.code, message=error.message)


class Image(Message):
    """An original and where its bytes are."""

    image_id: CheckedImageId
    tenant: str
    bucket: str
    key: str
    version_id: str | None
    etag: str
    bytes: int = Field(description="Size of the original, in bytes.")
    uploaded_at: datetime = Field(description="When S3 had all of it, UTC.")
    format: OriginalFormat | None = Field(description="Detected from the bytes; None if they are no known format.")
    declared_type: str | None = Field(default=None, description="Content type that the uploader declared.")
    claim_id: str = Field(description="Under which the execution processes it; see lambdas.core.life.")


class GeoPosition(Message):
    """Where a picture was taken: degrees, WGS 84."""

    latitude: float = Field(ge=-90, le=90, description="North is positive.")
    longitude: float = Field(ge=-180, le=180, description="East is positive.")


class Metadata(Message):
    """What is known of an original's picture: one model for the pipeline, the images table and the API.

    Every field is read from the bytes or computed from the pixels; only ``declared_type`` is the uploader's claim.
    Fields that older items of the table may lack have defaults.
    """

    width: int = Field(description="Pixels, upright.")
    height: int = Field(description="Pixels, upright.")
    format: OriginalFormat = Field(description="Detected from the bytes.")
    mime_type: str = Field(description="Detected from the bytes, whatever was declared.")
    declared_type: str | None = Field(default=None, description="Content type that the uploader declared.")
    type_mismatch: bool = Field(default=False, description="Whether the declared type differs from the detected one.")
    bytes: int = Field(description="Size of the original.")
    sha256: str = Field(description="Of the original's bytes, in hex.")
    orientation: int = Field(ge=1, le=8, description="EXIF orientation; 1 if the file's own boxes rotate it.")
    color_space: str = Field(description="libvips' name: srgb, rgb16, b-w, cmyk …")
    profile: str | None = Field(description="The embedded colour profile, or the one that code points describe.")
    profile_ignored: Literal["damaged", "unsuitable"] | None = Field(
        default=None, description="Why the embedded colour profile was not used."
    )
    hdr: Literal["none", "dropped"] | None = Field(
        default=None,
        description="Whether the original is HDR, by its transfer curve or a gain map; derivatives are SDR."
        " Null in records from before this was read.",
    )
    gamut: Literal["kept", "reduced"] | None = Field(
        default=None,
        description="Whether the original's colour space is wider than that of derivatives, sRGB."
        " Null in records from before this was read.",
    )
    alpha: bool = Field(description="Whether the original has an alpha channel.")
    pages: int = Field(description="Frames of an animation or pages of a document.")
    animation: Literal["none", "first_frame", "kept"] = Field(
        default="none", description="Whether it is animated, and what AVIF and WebP derivatives keep of that."
    )
    first_frame_reason: FirstFrameReason | None = Field(
        default=None,
        description="Why only the first frame is drawn: settings, too_many_frames or too_many_pixels (beyond the"
        " limits; pages then counts no further than one above the limit), unsupported.",
    )
    damaged: bool = Field(default=False, description="Whether only a part could be decoded, and was accepted.")
    camera_make: str | None = None
    camera_model: str | None = None
    captured_at: str | None = Field(
        default=None, description="By the camera's clock, ISO 8601; with an offset only if the camera recorded one."
    )
    position: GeoPosition | None = Field(default=None, description="Only if metadata.keep_gps is set.")
    dominant_color: str | None = Field(default=None, description="#rrggbb; null if fully transparent.")
    thumbhash: str | None = Field(default=None, description="A placeholder of about 25 bytes, in base64.")


class Group(Message):
    """Variants drawn by one invocation of derive, from one decode."""

    variants: tuple[VariantText, ...] = Field(min_length=1)


class Validated(Message):
    """The result of validate. ``settled``: nothing is left to do for this event. ``busy``: another execution has it."""

    outcome: Literal["accepted", "rejected", "settled", "busy"]
    image: Image | None
    rejection: Rejection | None = None
    seconds: float


class MetadataRequest(Message):
    """The input of metadata."""

    image: Image


class Described(Message):
    """The result of metadata."""

    outcome: Literal["accepted", "rejected"]
    metadata: Metadata | None = None
    groups: tuple[Group, ...] = ()
    rejection: Rejection | None = None
    seconds: float


class DeriveRequest(Message):
    """The input of derive."""

    image: Image
    variants: tuple[VariantText, ...] = Field(min_length=1)
    for_inspection: bool = Field(default=False, description="Store them where no viewer can ask for them.")


class StoredDerivative(Message):
    """A derivative in the bucket."""

    variant: VariantText
    bytes: int
    width: int = Field(description="Actual pixels.")
    height: int = Field(description="Actual pixels.")
    calibration: str | None = Field(default=None, description="Name of the encoder settings it was drawn with.")


class Derived(Message):
    """The result of derive. ``unwanted``: the image was removed or rejected meanwhile; nothing is left of it."""

    outcome: Literal["made", "rejected", "unwanted"]
    derivatives: tuple[StoredDerivative, ...] = Field(
        default=(), description="What is in the bucket now, even if another of the group could not be drawn."
    )
    rejection: Rejection | None = None
    seconds: float


class Inspection(Message):
    """What the inspecting function answered."""

    verdict: Literal["allow", "hold", "reject"]
    reason: str = ""


class RecordRequest(Message):
    """The input of record: the results of all steps before it."""

    image: Image
    rejection: Rejection | None = None
    metadata: Metadata | None = None
    derivations: tuple[Derived, ...] = ()
    inspection: Inspection = Inspection(verdict="allow")
    timings: dict[str, float] = Field(default_factory=dict, description="Seconds by step.")


RecordedState = Literal["ready", "rejected", "held", "removed", "superseded"]


class Recorded(Message):
    """The result of record: the image's state, whoever wrote it; ``superseded`` if another execution processes it."""

    outcome: RecordedState


class GenerateRequest(Message):
    """The input of the generator: plain text, because it comes from a URL."""

    image_id: str
    variant: str


class Generated(Message):
    """The result of the generator."""

    status: Literal[
        "made", "exists", "not_yet", "unknown_image", "not_on_ladder", "too_costly", "rejected", "held", "removed"
    ]
    bytes: int | None = None
