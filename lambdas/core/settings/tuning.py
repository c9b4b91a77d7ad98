"""How lanes' reserved concurrency is tuned, as ``darkroom.toml`` says it."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from lambdas.core.settings.table import Table

Share = Annotated[float, Field(gt=0, le=1)]


class Tuning(Table):
    """What a lane may be given, and how fast that may change."""

    weights: dict[str, Annotated[float, Field(gt=0)]] = Field(
        description="How much a lane counts where there is not enough for all; 1 where it is not named."
    )
    floor: int = Field(ge=4, description="Executions at once that every lane keeps, however idle.")
    ceiling: int = Field(ge=4, description="Executions at once that no lane passes.")
    utilization: Share = Field(description="Share of a reservation that the expected work is to take.")
    drain_seconds: int = Field(ge=1, description="Within which a backlog is to be worked off.")
    hysteresis: Share = Field(description="Share of a reservation by which a need must differ before it is changed.")
    max_step: Share = Field(description="Share of a reservation by which one run may change it.")
    least_step: int = Field(ge=1, description="Executions by which one run may change it, be its share less.")
    ask_above: Share = Field(description="Share of all that lanes may reserve, of which more is moved once approved.")
    window_minutes: int = Field(ge=1, le=1440, description="Of metrics that a run looks at.")
    changes_per_second: float = Field(gt=0, le=10, description="Of functions; Lambda's control plane allows 15 in all.")

    @model_validator(mode="after")
    def _floor_below_ceiling(self) -> Self:
        if self.floor > self.ceiling:
            raise ValueError(f"expected a floor of at most the ceiling ({self.ceiling}) but received {self.floor}")
        return self

    def weight(self, lane: str) -> float:
        """Return how much ``lane`` counts."""
        return self.weights.get(lane, 1.0)
