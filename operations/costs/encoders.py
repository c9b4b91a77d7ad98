"""What encoders were measured to reach, read from ``encoders.toml``: for estimates of CPU and bytes."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from lambdas.core.keys import Format
from lambdas.core.settings.pictures import AvifEncoder, Encoder, JpegEncoder, WebpEncoder

E = TypeVar("E", bound=Encoder)


class Reached(BaseModel):
    """What an encoder reached when it was calibrated; means over all photographs and widths."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ssimulacra2: float = Field(le=100, description="Quality against the original reduced to the width; 100 is equal.")
    bits_per_pixel: float = Field(gt=0, description="Size of the derivatives.")
    cpu_ms_per_megapixel: float = Field(gt=0, description="CPU of the encoder alone, on the calibrating machine.")


# Without settings, and so never calibrated: one photograph, 1024 pixels wide.
_PNG = Reached(ssimulacra2=100, bits_per_pixel=11.5, cpu_ms_per_megapixel=175)


class Measured(BaseModel, Generic[E]):
    """An encoder's settings, and what they reached."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: E
    reached: Reached


class MeasuredEncoders(BaseModel):
    """The measured encoders of every format."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    measured_on: date
    avif: Measured[AvifEncoder]
    webp: Measured[WebpEncoder]
    jpeg: Measured[JpegEncoder]

    def reached(self, fmt: Format) -> Reached:
        """Return what the encoder of ``fmt`` reached."""
        return {"avif": self.avif.reached, "webp": self.webp.reached, "jpeg": self.jpeg.reached, "png": _PNG}[fmt]


ENCODERS = MeasuredEncoders.model_validate(
    tomllib.loads(Path(__file__).with_name("encoders.toml").read_text(encoding="utf-8"))
)
