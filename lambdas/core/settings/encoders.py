"""The tables of ``darkroom.toml`` that say how derivatives are encoded, and what that was measured to reach."""

from datetime import date
from hashlib import sha256
from typing import Literal

from pydantic import Field

from lambdas.core.settings.table import Table


class Reached(Table):
    """What an encoder's settings reached when they were calibrated; means over all photographs and rungs."""

    ssimulacra2: float = Field(le=100, description="Quality against the original reduced to the rung; 100 is equal.")
    bits_per_pixel: float = Field(gt=0, description="Size of the derivatives.")
    cpu_ms_per_megapixel: float = Field(gt=0, description="CPU of the encoder alone, on the calibrating machine.")


class Encoder(Table):
    """How one format is written by libvips."""

    quality: int = Field(ge=1, le=100, description="The encoder's own scale, 1 to 100.")
    reached: Reached | None = Field(default=None, description="Absent where the settings were chosen by hand.")


class AvifEncoder(Encoder):
    """AVIF through aom, tuned for image quality ("iq", libheif's default)."""

    effort: int = Field(ge=0, le=3, description="CPU effort; 4 and above cost ten times effort 1 for the same score.")
    chroma: Literal["4:2:0", "4:4:4"] = Field(description="Colour at half or at full resolution.")


class WebpEncoder(Encoder):
    """WebP through libwebp."""

    effort: int = Field(ge=0, le=6, description="CPU effort.")


class JpegEncoder(Encoder):
    """JPEG through mozjpeg."""

    quantization_table: int = Field(ge=0, le=8, description="mozjpeg's tables; 0 is the standard's, 3 ImageMagick's.")
    progressive: bool = Field(description="Several scans: smaller, and seen before it has all arrived.")
    trellis: bool = Field(description="Choose coefficients by rate and distortion: smaller, for several times the CPU.")


class Formats(Table):
    """Encoder settings, one table a format."""

    calibrated_on: date = Field(description="Day on which the settings were measured and chosen.")
    avif: AvifEncoder
    webp: WebpEncoder
    jpeg: JpegEncoder

    @property
    def calibration(self) -> str:
        """Name of these encoder settings, ``2026-11-23-1f3a9c2e``: the day orders them, the digest tells them apart.

        A derivative recorded under another name was drawn with other settings.
        """
        measured = {"avif": {"reached"}, "webp": {"reached"}, "jpeg": {"reached"}}
        chosen = self.model_dump_json(exclude=measured)
        return f"{self.calibrated_on.isoformat()}-{sha256(chosen.encode()).hexdigest()[:8]}"


class Deliveries(Table):
    """How often a derivative is delivered in its life, by format."""

    avif: float = Field(ge=0)
    webp: float = Field(ge=0)
    jpeg: float = Field(ge=0)


class Calibration(Table):
    """What ``make calibrate`` aims at: one quality for every format, at the least cost over a derivative's life."""

    target: float = Field(gt=0, lt=100, description="SSIMULACRA2 that every format reaches on the mean.")
    stored_months: float = Field(ge=0, description="Life of a derivative in the bucket, in months.")
    deliveries: Deliveries
