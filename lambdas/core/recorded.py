"""What the images table says of a picture, as those read it who draw more of it; no AWS."""

from typing import Literal

from pydantic import Field

from lambdas.core.keys import Variant
from lambdas.core.message import Message
from lambdas.core.messages import KeptImageId, Rejection
from lambdas.imaging.formats import OriginalFormat
from lambdas.imaging.geometry import Size


class StoredOriginal(Message):
    """Where an original stands."""

    bucket: str
    key: str
    version_id: str | None
    etag: str


class RecordedDerivative(Message):
    """A derivative that was made ahead."""

    bytes: int
    width: int = Field(description="Pixels that it really has.")
    height: int = Field(description="Pixels that it really has.")
    calibration: str | None = Field(default=None, description="Encoder settings; None: from before they were noted.")


class RecordedPicture(Message):
    """Of an original's metadata, what drawing depends on."""

    width: int = Field(description="Pixels, upright.")
    height: int = Field(description="Pixels, upright.")
    format: OriginalFormat

    @property
    def size(self) -> Size:
        """Width and height, upright."""
        return Size(self.width, self.height)


class RecordedImage(Message):
    """An image whose outcome is known."""

    image_id: KeptImageId
    tenant: str
    outcome: Literal["ready", "rejected"]
    original: StoredOriginal
    rejection: Rejection | None = None
    metadata: RecordedPicture | None = Field(default=None, description="Of a ready image only.")
    derivatives: dict[str, RecordedDerivative] = Field(default_factory=dict, description="By variant.")

    def lacks(self, variant: Variant) -> bool:
        """Tell whether ``variant`` was never made ahead, as far as the table knows."""
        return str(variant) not in self.derivatives

    def is_outdated(self, variant: Variant, calibration: str) -> bool:
        """Tell whether ``variant`` was made by other encoder settings than those named ``calibration``."""
        made = self.derivatives.get(str(variant))
        return made is not None and made.calibration != calibration
