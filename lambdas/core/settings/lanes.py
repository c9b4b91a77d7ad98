"""Lanes as ``darkroom.toml`` names them: whose pictures each draws, and what is reserved for its functions."""

import math
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, PositiveInt, model_validator

from lambdas.core.keys import TENANT_PATTERN
from lambdas.core.settings.table import Table

SHARED_LANE = "shared"
UNRESERVED_CONCURRENCY = 100  # what Lambda keeps for all functions without a reservation: its quotas

Tenant = Annotated[str, Field(pattern=TENANT_PATTERN)]
LaneFunction = Literal["validate", "metadata", "derive", "record"]
_SMALLEST_RESERVATION = len(get_args(LaneFunction))  # one for each; a function with none never runs


class Lanes(Table):
    """How Lambda's concurrency is divided: among lanes, and within one among its functions."""

    account_concurrency: int = Field(ge=10, description="Lambda's quota of executions at once, in account and region.")
    shared_reserved_concurrency: int | None = Field(
        default=None,
        ge=_SMALLEST_RESERVATION,
        description="Executions at once of the shared lane's functions; left out, it takes what nobody reserved.",
    )
    shares: dict[LaneFunction, PositiveInt] = Field(description="Of a lane's reservation, in proportion, by function.")

    @model_validator(mode="after")
    def _every_function(self) -> Self:
        if missing := set(get_args(LaneFunction)) - set(self.shares):
            raise ValueError(f"expected a share for {sorted(missing)} too but received {sorted(self.shares)}")
        return self

    def share_out(self, reserved: int) -> dict[LaneFunction, int]:
        """Divide ``reserved`` executions at once among a lane's functions by their shares, at least one each.

        By largest remainder, so that they add up to ``reserved``, which is at least one for each.
        """
        whole = sum(self.shares.values())
        spare = reserved - len(self.shares)
        exact = {name: 1 + spare * share / whole for name, share in self.shares.items()}
        shared_out = {name: math.floor(value) for name, value in exact.items()}
        remaining = reserved - sum(shared_out.values())
        for name in sorted(exact, key=lambda each: (shared_out[each] - exact[each], each))[:remaining]:
            shared_out[name] += 1
        return shared_out


class TenantSettings(Table):
    """One customer whose users upload."""

    lane: Literal["shared", "dedicated"] = Field(description="Whose queue and functions draw its pictures.")
    reserved_concurrency: int | None = Field(
        default=None,
        ge=_SMALLEST_RESERVATION,
        description="Executions at once of all functions of its lane together: never fewer, never more.",
    )

    @model_validator(mode="after")
    def _reserved_where_dedicated(self) -> Self:
        if self.lane == "dedicated" and self.reserved_concurrency is None:
            raise ValueError("expected reserved_concurrency for a dedicated lane but received none")
        if self.lane == "shared" and self.reserved_concurrency is not None:
            raise ValueError(
                f"expected reserved_concurrency for a dedicated lane only but received {self.reserved_concurrency}"
            )
        return self
