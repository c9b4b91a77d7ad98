"""What is known of an original's picture: one model for the pipeline, the images table, the API and analytics.

Every field is read from the bytes or computed from the pixels; only ``declared_type`` is the
uploader's word. Fields that items of the table may lack, being older, have defaults.
"""

from typing import Literal

from pydantic import Field

from lambdas.core.message import Message
from lambdas.imaging.formats import OriginalFormat


class GeoPosition(Message):
    """Where a picture was taken: degrees, WGS 84."""

    latitude: float = Field(ge=-90, le=90, description="North is positive.")
    longitude: float = Field(ge=-180, le=180, description="East is positive.")


class Metadata(Message):
    """An original's picture."""

    width: int = Field(description="Pixels, upright.")
    height: int = Field(description="Pixels, upright.")
    format: OriginalFormat = Field(description="By the bytes.")
    mime_type: str = Field(description="By the bytes, whatever was declared.")
    declared_type: str | None = Field(default=None, description="Content type that the uploader declared.")
    type_mismatch: bool = Field(default=False, description="Whether another picture's type was declared.")
    bytes: int = Field(description="Size of the original.")
    sha256: str = Field(description="Of the original's bytes, in hex.")
    orientation: int = Field(ge=1, le=8, description="EXIF orientation found; 1 where a file's own boxes turn it.")
    color_space: str = Field(description="libvips' name: srgb, rgb16, b-w, cmyk …")
    profile: str | None = Field(description="The embedded colour profile, or what code points say instead of one.")
    alpha: bool = Field(description="Whether the original has an alpha channel.")
    pages: int = Field(description="Frames of an animation or pages of a document.")
    animation: Literal["none", "first_frame", "kept"] = Field(
        default="none", description="Whether it moves, and what WebP derivatives keep of that."
    )
    damaged: bool = Field(default=False, description="Whether only a part could be decoded, and was accepted.")
    camera_make: str | None = None
    camera_model: str | None = None
    captured_at: str | None = Field(
        default=None, description="By the camera's clock, ISO 8601; with an offset only if the camera knew one."
    )
    position: GeoPosition | None = Field(default=None, description="Only where metadata.keep_gps is set.")
    dominant_color: str | None = Field(default=None, description="#rrggbb; null if all is transparent.")
    thumbhash: str | None = Field(default=None, description="A placeholder of some 25 bytes, in base64.")
