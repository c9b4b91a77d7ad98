"""What the API says of an image: the images table's item, and what is needed to show the picture."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from lambdas.core.keys import ImageId, is_private
from lambdas.core.picture_metadata import Metadata
from lambdas.core.stores.uploads import UploadRecord
from lambdas.upload_api.images.markup import Markup


class Rejection(BaseModel):
    """Why an original will never be a picture here."""

    code: str
    message: str


class Derivative(BaseModel):
    """A derivative that the pipeline made."""

    variant: str = Field(description="{width}x{height}.{format}, as in its path.")
    bytes: int
    width: int = Field(description="Pixels that it really has.")
    height: int = Field(description="Pixels that it really has.")


class ImageSummary(BaseModel):
    """One image in a list."""

    image_id: str
    private: bool = Field(description="Whether seeing the picture takes a token.")
    outcome: Literal["pending", "ready", "rejected"] = Field(description="Pending: the pipeline is not done with it.")
    uploaded_at: str | None = Field(default=None, description="ISO 8601, UTC; null while the upload is on its way.")
    bytes: int = Field(description="Of the original.")
    width: int | None = Field(default=None, description="Pixels, upright.")
    height: int | None = Field(default=None, description="Pixels, upright.")
    rejection: Rejection | None = None

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Self:
        """Make it of an item of the images table."""
        return cls.model_validate(_summary(item))


class ImageList(BaseModel):
    """A page of a tenant's images, newest first."""

    images: list[ImageSummary]
    next: str | None = Field(default=None, description="Cursor of the following page; null at the end.")


class ImageAnswer(ImageSummary):
    """All that is known of one image."""

    recorded_at: str | None = Field(default=None, description="ISO 8601, UTC: when its outcome was known.")
    metadata: Metadata | None = Field(default=None, description="Read from the original's bytes.")
    thumbhash: str | None = Field(default=None, description="A placeholder of some 25 bytes, in base64.")
    derivatives: list[Derivative] = Field(default=[], description="Made ahead; others are made when first asked for.")
    timings: dict[str, float] = Field(default={}, description="Seconds by the pipeline's step.")
    markup: Markup | None = Field(default=None, description="For a page; null unless the image is ready.")

    @classmethod
    def of_item(cls, item: Mapping[str, Any], markup: Markup | None) -> Self:
        """Make it of an item of the images table."""
        metadata = item.get("metadata") or None
        return cls.model_validate(
            {
                **_summary(item),
                "recorded_at": item["recorded_at"],
                "metadata": metadata,
                "thumbhash": (metadata or {}).get("thumbhash"),
                "derivatives": [
                    {"variant": variant, **made} for variant, made in sorted((item.get("derivatives") or {}).items())
                ],
                "timings": item.get("timings") or {},
                "markup": markup,
            }
        )

    @classmethod
    def of_upload(cls, record: UploadRecord) -> Self:
        """Make it of an upload whose outcome is not known yet."""
        return cls(image_id=record.image_id, private=is_private(record.image_id), outcome="pending", bytes=record.bytes)


class Takedown(BaseModel):
    """What was removed, and what the edge was told."""

    image_id: str
    originals: int = Field(description="Versions of the original that were deleted.")
    derivatives: int = Field(description="Versions of derivatives that were deleted.")
    invalidation: str | None = Field(description="CloudFront's id of the invalidation; null without a distribution.")


class TokenRequest(BaseModel):
    """For how long a viewer may see a private picture."""

    seconds: int | None = Field(default=None, ge=1, description="Life of the token; the settings' default if null.")


class TokenAnswer(BaseModel):
    """A token, and markup that carries it."""

    image_id: str
    token: str
    expires_at: str = Field(description="ISO 8601, UTC.")
    markup: Markup | None = Field(description="Null unless the image is ready.")


def _summary(item: Mapping[str, Any]) -> dict[str, Any]:
    metadata = item.get("metadata") or {}
    return {
        "image_id": item["image_id"],
        "private": is_private(ImageId(item["image_id"])),
        "outcome": item["outcome"],
        "uploaded_at": item["uploaded_at"],
        "bytes": item["original"]["bytes"],
        "width": metadata.get("width"),
        "height": metadata.get("height"),
        "rejection": item.get("rejection"),
    }
