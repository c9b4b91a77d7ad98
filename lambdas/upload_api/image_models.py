"""Requests and responses of ``/images``."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lambdas.core.keys import ImageId, is_private
from lambdas.core.messages import Metadata
from lambdas.upload_api.markup import Markup

Fraction = Annotated[
    float,
    Field(strict=True, ge=0, le=1, allow_inf_nan=False, description="From 0 to 1."),
    AfterValidator(lambda value: round(value, 4)),  # less than a pixel of most pictures
]


class Rejection(BaseModel):
    """Why an original is rejected for good."""

    code: str
    message: str


class Derivative(BaseModel):
    """A derivative that the pipeline made ahead."""

    variant: str = Field(description="{width}x{height}.{format}, as in its path.")
    bytes: int
    width: int = Field(description="Actual pixels.")
    height: int = Field(description="Actual pixels.")


class Focus(BaseModel):
    """The point that crops keep in view: fractions of the upright picture, from its top left corner."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: Fraction
    y: Fraction


class ImageChange(BaseModel):
    """What to change of an image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    focus: Focus | None = Field(description="Null leaves it to the settings what crops keep, as without a focus.")


class ImageSummary(BaseModel):
    """One image in a list."""

    image_id: str
    private: bool = Field(description="Whether viewing it needs a token.")
    state: Literal["expected", "processing", "ready", "rejected", "held"] = Field(
        description="Expected: it has not arrived, or its processing has not begun. Held: it awaits a decision."
    )
    uploaded_at: str | None = Field(default=None, description="ISO 8601, UTC; null until its processing has begun.")
    bytes: int = Field(description="Of the original.")
    width: int | None = Field(default=None, description="Pixels, upright.")
    height: int | None = Field(default=None, description="Pixels, upright.")
    rejection: Rejection | None = None

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Self:
        """Build it from an item of the images table."""
        return cls.model_validate(_summary(item))


class ImageList(BaseModel):
    """A page of a tenant's images, newest first."""

    images: list[ImageSummary]
    next: str | None = Field(default=None, description="Cursor of the following page; null at the end.")


class ImageDetails(ImageSummary):
    """Everything known about one image."""

    arrived_bytes: int | None = Field(default=None, description="What S3 has of an expected image.")
    recorded_at: str | None = Field(default=None, description="ISO 8601, UTC: when its outcome was recorded.")
    metadata: Metadata | None = Field(default=None, description="Read from the original's bytes.")
    thumbhash: str | None = Field(default=None, description="A placeholder of about 25 bytes, in base64.")
    focus: Focus | None = Field(default=None, description="What crops keep in view; null: as the settings say.")
    derivatives: list[Derivative] = Field(default=[], description="Made ahead; others are made on their first request.")
    timings: dict[str, float] = Field(default={}, description="Seconds by pipeline step.")
    markup: Markup | None = Field(default=None, description="HTML; null unless the image is ready.")

    @classmethod
    def of_row(cls, row: Mapping[str, Any], markup: Markup | None = None, arrived_bytes: int | None = None) -> Self:
        """Build it from a row of the images table."""
        metadata = row.get("metadata") or None
        return cls.model_validate(
            {
                **_summary(row),
                "arrived_bytes": arrived_bytes,
                "recorded_at": row.get("recorded_at"),
                "metadata": metadata,
                "thumbhash": (metadata or {}).get("thumbhash"),
                "focus": row.get("focus"),
                "derivatives": [
                    {"variant": variant, **made} for variant, made in sorted((row.get("derivatives") or {}).items())
                ],
                "timings": row.get("timings") or {},
                "markup": markup,
            }
        )


class Takedown(BaseModel):
    """What was removed of an image."""

    image_id: str
    originals: int = Field(description="Versions of the original that were deleted.")
    derivatives: int = Field(description="Versions of derivatives that were deleted.")
    invalidation: str | None = Field(
        description="CloudFront's id of the invalidation; null without a distribution, or while CloudFront has as many"
        " in progress as it takes: it then follows by itself, before final_at."
    )
    removed_at: str = Field(description="ISO 8601, UTC: since when it is not served and cannot come back.")
    final_at: str | None = Field(
        description="ISO 8601, UTC: when everything was erased once more, after all who might have been writing it;"
        " null until then. Repeat the request to learn it."
    )


class TokenRequest(BaseModel):
    """How long a viewer may see a private image."""

    seconds: int | None = Field(default=None, ge=1, description="Lifetime of the token; the settings' default if null.")


class SignedToken(BaseModel):
    """A token, and markup that contains it."""

    image_id: str
    token: str
    expires_at: str = Field(description="ISO 8601, UTC.")
    markup: Markup | None = Field(description="Null unless the image is ready.")


def _summary(item: Mapping[str, Any]) -> dict[str, Any]:
    metadata = item.get("metadata") or {}
    return {
        "image_id": item["image_id"],
        "private": is_private(ImageId(item["image_id"])),
        "state": item["state"],
        "uploaded_at": item.get("uploaded_at"),
        "bytes": item["bytes"],
        "width": metadata.get("width"),
        "height": metadata.get("height"),
        "rejection": item.get("rejection"),
    }
