"""What the handlers of the pipeline hand to each other, as the state machine carries it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

from lambdas.core.keys import ImageId, Variant, parse_image_id
from lambdas.core.message import Message
from lambdas.core.picture_metadata import Metadata
from lambdas.imaging.formats import OriginalFormat
from lambdas.imaging.rejection import RejectedError, RejectionCode

KeptImageId = Annotated[ImageId, BeforeValidator(parse_image_id)]


def _variant(value: Any) -> Variant:
    return value if isinstance(value, Variant) else Variant.parse(str(value))


KeptVariant = Annotated[Variant, BeforeValidator(_variant), PlainSerializer(str, return_type=str)]


class Rejection(Message):
    """Why an original will never be a picture here."""

    code: RejectionCode
    message: str

    @classmethod
    def of(cls, error: RejectedError) -> "Rejection":
        """Turn what the imaging code raised into data."""
        return cls(code=error.code, message=error.message)


class Image(Message):
    """An original and where its bytes stand."""

    image_id: KeptImageId
    tenant: str
    bucket: str
    key: str
    version_id: str | None
    etag: str
    bytes: int = Field(description="Size of the original, in bytes.")
    uploaded_at: datetime = Field(description="When S3 had the whole of it, UTC.")
    format: OriginalFormat | None = Field(description="As its bytes say; None if they say no format of an original.")
    declared_type: str | None = Field(default=None, description="Content type that the uploader declared.")


class Group(Message):
    """Variants drawn by one invocation of derive, from one decode."""

    variants: tuple[KeptVariant, ...] = Field(min_length=1)


class Validated(Message):
    """What validate returns. ``settled``: nothing is left to do for this event."""

    outcome: Literal["accepted", "rejected", "settled"]
    image: Image | None
    rejection: Rejection | None = None
    seconds: float


class MetadataRequest(Message):
    """What metadata gets."""

    image: Image


class Described(Message):
    """What metadata returns."""

    outcome: Literal["accepted", "rejected"]
    metadata: Metadata | None = None
    groups: tuple[Group, ...] = ()
    rejection: Rejection | None = None
    seconds: float


class DeriveRequest(Message):
    """What derive gets."""

    image: Image
    variants: tuple[KeptVariant, ...] = Field(min_length=1)


class StoredDerivative(Message):
    """A derivative that stands in the bucket."""

    variant: KeptVariant
    bytes: int
    width: int = Field(description="Pixels that it really has.")
    height: int = Field(description="Pixels that it really has.")
    calibration: str | None = Field(default=None, description="Name of the encoder settings that drew it.")


class Derived(Message):
    """What derive returns."""

    outcome: Literal["made", "rejected"]
    derivatives: tuple[StoredDerivative, ...] = Field(
        default=(), description="What stands in the bucket now, even if another of the group could not be drawn."
    )
    rejection: Rejection | None = None
    seconds: float


class RecordRequest(Message):
    """What record gets: everything that the steps before it found."""

    image: Image
    rejection: Rejection | None = None
    metadata: Metadata | None = None
    derivations: tuple[Derived, ...] = ()
    timings: dict[str, float] = Field(default_factory=dict, description="Seconds by step.")


class Recorded(Message):
    """What record returns."""

    outcome: Literal["ready", "rejected"]


class GenerateRequest(Message):
    """What the generator gets; texts, for they come from a URL."""

    image_id: str
    variant: str


class Generated(Message):
    """What the generator returns."""

    status: Literal["made", "exists", "unknown_image", "not_on_ladder", "rejected"]
    bytes: int | None = None
