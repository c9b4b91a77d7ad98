"""What ``darkroom.toml`` says of pictures: how they are drawn, which are accepted, what is kept of them."""

from typing import Annotated, Literal

from pydantic import Field

from lambdas.core.keys import Format
from lambdas.core.settings.table import Table

Width = Annotated[int, Field(ge=16, le=8192)]
Crop = Literal["attention", "centre"]
Animated = Literal["first_frame", "webp"]

# Bytes a pixel while an original is decoded: see Limits.peak_bytes.
_WHOLE_FRAME_BYTES = 29
_OTHER_BYTES = 12.5
_ANIMATION_BYTES = 12
_PROCESS_BYTES = 120_000_000


class Rendering(Table):
    """How derivatives look, and which of them the pipeline makes ahead."""

    background: str = Field(pattern=r"^#[0-9a-fA-F]{6}$", description="Colour under alpha where the format has none.")
    crop: Crop = Field(description="What a crop keeps: what draws the eye (attention), or the centre.")
    animated: Animated = Field(
        description="Of an animated GIF or WebP: its first frame in every format, or all of it in WebP derivatives."
    )
    eager_widths: tuple[Width, ...] = Field(description="Rungs, in pixels, made by the pipeline.")
    eager_formats: tuple[Format, ...] = Field(description="Formats made by the pipeline.")

    @property
    def background_rgb(self) -> tuple[int, int, int]:
        """The background as red, green and blue, 0 to 255 each."""
        red, green, blue = bytes.fromhex(self.background[1:])
        return red, green, blue


class Limits(Table):
    """What an original may be at most; checked from its header, before any decode."""

    max_bytes: int = Field(ge=1, le=5 * 1024**3, description="Size of the file in bytes.")
    max_pixels: int = Field(ge=1, description="Width times height, in pixels.")
    max_whole_frame_pixels: int = Field(
        ge=1, description="The same where the decoder holds the whole frame at once: AVIF, HEIC."
    )
    max_side: int = Field(ge=1, description="The longer side, in pixels.")
    max_pages: int = Field(ge=1, description="Frames of an animation, pages of a document.")
    max_animation_pixels: int = Field(
        ge=1, description="Width times height times frames of an animation that is kept, in pixels."
    )
    decode_seconds: Annotated[int, Field(ge=1)] = Field(
        description="Deadline for decoding and drawing one group, in seconds."
    )
    accept_truncated: bool = Field(
        description="Draw what can be decoded of a damaged file, and say so in its metadata, rather than refuse it."
    )

    @property
    def peak_bytes(self) -> int:
        """The most memory, in bytes, that the worst accepted original takes while it is drawn.

        Measured, in bytes a pixel (libvips 8.18, libheif 1.23, one thread; the tests measure them anew):

        ===================================  ====
        HEIC, 10 bit, 4:4:4, alpha           28
        AVIF, 12 bit, 4:4:4, alpha           24
        AVIF, 8 bit                          16
        PNG, 16 bit, alpha, interlaced       12.5
        JPEG, CMYK, progressive, 4:4:4       10
        animation that is kept, every frame   8
        PNG, GIF, WebP, TIFF                  6
        JPEG                                  3
        ===================================  ====

        The file itself and the process (libraries, the encoders' own work) come on top.
        """
        pixels = max(
            self.max_whole_frame_pixels * _WHOLE_FRAME_BYTES,
            self.max_pixels * _OTHER_BYTES,
            self.max_animation_pixels * _ANIMATION_BYTES,
        )
        return round(pixels) + self.max_bytes + _PROCESS_BYTES

    def require_memory(self, function: str, memory_mb: int) -> None:
        """Refuse a drawing function of ``memory_mb`` that the worst accepted original would not fit into.

        Raises:
            ValueError: it is too small.
        """
        needed = -(-self.peak_bytes // 1024**2)
        if memory_mb < needed:
            raise ValueError(
                f"expected functions.{function}.memory_mb of at least {needed}, which the worst original within"
                f" [limits] takes, but received {memory_mb}"
            )


class KeptMetadata(Table):
    """What is kept of what an original says about itself."""

    keep_gps: bool = Field(description="Where the picture was taken, by its EXIF; it never reaches a derivative.")
