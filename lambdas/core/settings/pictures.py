"""Settings for pictures: which widths exist, how derivatives look and are encoded, what an original may be."""

from datetime import date
from hashlib import sha256
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lambdas.core.keys import NegotiatedFormat, Variant
from lambdas.core.settings.fields import Table

Width = Annotated[int, Field(ge=16, le=8192)]
AspectRatio = Annotated[str, Field(pattern=r"^[1-9]\d?:[1-9]\d?$")]
Crop = Literal["attention", "centre"]
Animated = Literal["keep", "first_frame"]

# Bytes per pixel while an original is decoded: see Limits.peak_bytes.
_WHOLE_FRAME_BYTES = 29
_OTHER_BYTES = 12.5
_ANIMATION_BYTES = 12
_PROCESS_BYTES = 120_000_000


class Ladder(Table):
    """The widths and crops that exist; every request is snapped to one of them."""

    widths: tuple[Width, ...] = Field(
        default=(64, 128, 256, 512, 1024, 1600, 2560),
        min_length=1,
        description="Widths in pixels, ascending. Add one where pages show pictures larger or at another size.",
    )
    default_width: int = Field(
        default=1024,
        description="Width in pixels for a request that names none and sends no hint. Must be one of widths.",
    )
    aspect_ratios: tuple[AspectRatio, ...] = Field(
        default=("1:1", "4:3", "3:2", "16:9", "4:5", "9:16"),
        description="Crops that may be requested, as width:height. Each multiplies the variants that can exist.",
    )

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.widths) != sorted(set(self.widths)):
            raise ValueError(f"expected ascending, distinct widths but received {list(self.widths)}")
        if self.default_width not in self.widths:
            raise ValueError(f"expected default_width among {list(self.widths)} but received {self.default_width}")
        return self

    def snap(self, width: float) -> int:
        """Return the smallest rung that is at least ``width`` pixels, or the top rung."""
        return next((rung for rung in self.widths if rung >= width), self.widths[-1])

    def height(self, rung: int, aspect_ratio: str) -> int:
        """Return the height in pixels of ``rung`` cropped to ``aspect_ratio``, rounded half up as the edge does."""
        across, down = map(int, aspect_ratio.split(":"))
        return (2 * rung * down + across) // (2 * across)

    def heights(self, rung: int) -> list[int]:
        """Return the heights in pixels that exist for ``rung``: 0 for proportional, and one for each aspect ratio."""
        return [0, *(self.height(rung, ratio) for ratio in self.aspect_ratios)]

    def allows(self, variant: Variant) -> bool:
        """Return whether ``variant`` is one of the finitely many that may exist."""
        return variant.width in self.widths and variant.height in self.heights(variant.width)


class Encoder(Table):
    """How libvips writes one format."""

    quality: int = Field(ge=1, le=100, description="The encoder's own quality scale, 1 to 100.")


class AvifEncoder(Encoder):
    """AVIF by aom, tuned for image quality (libheif's default, "iq")."""

    quality: int = Field(
        default=55, ge=1, le=100, description="aom's quality, 1 to 100. `make calibrate` proposes it for your pictures."
    )
    effort: int = Field(
        default=1, ge=0, le=3, description="CPU effort, 0 to 3; 4 and above cost ten times effort 1 for the same score."
    )
    chroma: Literal["4:2:0", "4:4:4"] = Field(
        default="4:4:4", description="Colour resolution: 4:2:0 halves it. At equal quality 4:4:4 is smaller here."
    )


class WebpEncoder(Encoder):
    """WebP by libwebp."""

    quality: int = Field(
        default=77,
        ge=1,
        le=100,
        description="libwebp's quality, 1 to 100. `make calibrate` proposes it for your pictures.",
    )
    effort: int = Field(
        default=4, ge=0, le=6, description="CPU effort, 0 to 6. Lower it where drawing costs more than delivery."
    )


class JpegEncoder(Encoder):
    """JPEG by mozjpeg."""

    quality: int = Field(
        default=70,
        ge=1,
        le=100,
        description="mozjpeg's quality, 1 to 100. `make calibrate` proposes it for your pictures.",
    )
    quantization_table: int = Field(
        default=3, ge=0, le=8, description="mozjpeg's table, 0 to 8: 0 is the JPEG standard's, 3 ImageMagick's."
    )
    progressive: bool = Field(
        default=True, description="Write several scans: smaller, and visible before all bytes have arrived."
    )
    trellis: bool = Field(
        default=False, description="Trellis quantization: somewhat smaller, for several times the CPU."
    )


class Formats(Table):
    """Encoder settings, one table per format; ``make calibrate`` chooses them for one quality in every format."""

    calibrated_on: date = Field(
        default=date(2026, 11, 26),
        description="Day on which the encoders were calibrated. Set it with them: a backfill redraws what is older.",
    )
    avif: AvifEncoder = AvifEncoder()
    webp: WebpEncoder = WebpEncoder()
    jpeg: JpegEncoder = JpegEncoder()

    @property
    def calibration(self) -> str:
        """Name of these encoder settings, ``2026-11-23-1f3a9c2e``: the day gives their order, the digest is unique.

        A derivative recorded under another name was drawn with other settings.
        """
        return f"{self.calibrated_on.isoformat()}-{sha256(self.model_dump_json().encode()).hexdigest()[:8]}"


class Rendering(Table):
    """How derivatives look, and which of them the pipeline draws ahead."""

    background: str = Field(
        default="#ffffff",
        pattern=r"^#[0-9a-fA-F]{6}$",
        description="Colour (#rrggbb) behind transparent pixels in JPEG. Match your pages. A picture that would not be"
        " seen on it, such as a white logo on white, gets a dark or white one.",
    )
    crop: Crop = Field(
        default="attention", description="What a crop keeps: the most salient part (attention), or the centre."
    )
    animated: Animated = Field(
        default="keep",
        description="Animated originals: keep the animation in AVIF and WebP, within limits.max_animation_pixels, or"
        " first_frame in every format. JPEG and PNG always show the first frame.",
    )
    eager_widths: tuple[Width, ...] = Field(
        default=(256, 512, 1024, 1600),
        min_length=1,
        description="Widths in pixels drawn by the pipeline, from ladder.widths; others on first request. The widest"
        " is also what narrower variants are shrunk from.",
    )
    eager_formats: tuple[NegotiatedFormat, ...] = Field(
        default=("avif", "webp", "jpeg"),
        description="Formats drawn by the pipeline; others on first request. Drop those that few viewers ask for.",
    )

    @property
    def background_rgb(self) -> tuple[int, int, int]:
        """The background as red, green and blue, 0 to 255 each."""
        red, green, blue = bytes.fromhex(self.background[1:])
        return red, green, blue


class Limits(Table):
    """What an original may be at most; one beyond a limit is rejected from its header, before any decode."""

    max_bytes: int = Field(
        default=104_857_600,
        ge=1,
        le=5 * 1024**3,
        description="File size in bytes. Raising it may require more memory for drawing functions.",
    )
    max_pixels: int = Field(
        default=100_000_000,
        ge=1,
        description="Width × height in pixels. Raise it for larger cameras, with the functions' memory.",
    )
    max_whole_frame_pixels: int = Field(
        default=50_000_000,
        ge=1,
        description="The same for AVIF, HEIC and JPEG XL, decoded in one piece, with more memory per pixel.",
    )
    max_side: int = Field(default=30_000, ge=1, description="Longer side in pixels. Raise it for panoramas.")
    max_pages: int = Field(
        default=1000,
        ge=1,
        description="Pages of a document. Of an animation with more frames, only the first is drawn.",
    )
    max_scans: int = Field(
        default=64, ge=1, description="Scans of a progressive JPEG. Each takes about 0.05 CPU s per 10 megapixels."
    )
    max_tiles: int = Field(
        default=100_000, ge=1, description="Tiles or strips of a TIFF. Raise it for large scans in small tiles."
    )
    max_animation_pixels: int = Field(
        default=50_000_000,
        ge=1,
        description="Width × height × frames in pixels. Of an animation with more, only the first frame is drawn.",
    )
    decode_seconds: Annotated[int, Field(ge=1)] = Field(
        default=30,
        description="CPU seconds to decode and draw one group; a picture that needs more is rejected as too costly.",
    )
    accept_truncated: bool = Field(
        default=False, description="Draw what can be decoded of a damaged file and record that, instead of rejecting."
    )

    @property
    def whole_frame_bytes(self) -> int:
        """The most memory, in bytes, that a decoder of whole frames takes for the pixels of one."""
        return self.max_whole_frame_pixels * _WHOLE_FRAME_BYTES

    @property
    def peak_bytes(self) -> int:
        """The most memory, in bytes, that the worst accepted original takes while it is drawn.

        Measured, in bytes per pixel (libvips 8.18, libheif 1.23, one thread; tests repeat the measurement):

        ===================================  ====
        HEIC, 10 bit, 4:4:4, alpha           28
        JPEG XL, 16 bit, alpha               25
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
            self.whole_frame_bytes,
            self.max_pixels * _OTHER_BYTES,
            self.max_animation_pixels * _ANIMATION_BYTES,
        )
        return round(pixels) + self.max_bytes + _PROCESS_BYTES

    def require_memory(self, function: str, memory_mb: int) -> None:
        """Check that the worst accepted original fits into a drawing function of ``memory_mb``.

        Raises:
            ValueError: the function is too small.
        """
        needed = -(-self.peak_bytes // 1024**2)
        if memory_mb < needed:
            raise ValueError(
                f"expected functions.{function}.memory_mb of at least {needed}, which the worst original within"
                f" [limits] takes, but received {memory_mb}"
            )


class KeptMetadata(Table):
    """What is kept of an original's own metadata."""

    keep_gps: bool = Field(
        default=False,
        description="Keep the EXIF position in the picture's record. It never reaches a derivative.",
    )


class Deliveries(Table):
    """Mean deliveries of a derivative in its lifetime, by format."""

    avif: float = Field(default=9, ge=0, description="Deliveries of an AVIF; nine in ten browsers accept it.")
    webp: float = Field(default=0.8, ge=0, description="Deliveries of a WebP.")
    jpeg: float = Field(default=0.2, ge=0, description="Deliveries of a JPEG.")


class Calibration(Table):
    """What ``make calibrate`` aims at: one quality for every format, at the least cost over a derivative's life."""

    target: float = Field(
        default=70,
        gt=0,
        lt=100,
        description="Mean SSIMULACRA2 of every format; 70 is hard to tell from the original without comparing.",
    )
    stored_months: float = Field(default=12, ge=0, description="Months that a derivative is stored.")
    deliveries: Deliveries = Deliveries()
