"""The widths and crops that exist, and how a request is snapped to one of them."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from lambdas.core.keys import Variant
from lambdas.core.settings.pictures import Width
from lambdas.core.settings.table import Table

AspectRatio = Annotated[str, Field(pattern=r"^[1-9]\d?:[1-9]\d?$")]


class Ladder(Table):
    """The widths and crops that exist; every request is snapped to one of them."""

    widths: tuple[Width, ...] = Field(min_length=1, description="Rungs in pixels, ascending.")
    default_width: int = Field(description="Rung, in pixels, of a request that says nothing about its width.")
    aspect_ratios: tuple[AspectRatio, ...] = Field(description="Crops that may be asked for, as width:height.")

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

    def allows(self, variant: Variant) -> bool:
        """Tell whether ``variant`` is one of the finitely many that may exist."""
        if variant.width not in self.widths:
            return False
        heights = {0, *(self.height(variant.width, ratio) for ratio in self.aspect_ratios)}
        return variant.height in heights
