"""Settings for capacity: tenants and their lanes, the size of every function, and how concurrency is tuned."""

import math
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, PositiveInt, field_validator, model_validator

from lambdas.core.keys import TENANT_PATTERN
from lambdas.core.settings.fields import Seconds, Share, Table

SHARED_LANE = "shared"
UNRESERVED_CONCURRENCY = 100  # "Lambda quotas": kept for all functions without a reservation
EDGE_TIMEOUT_SECONDS = 30  # "Quotas on Lambda@Edge", for origin events

Tenant = Annotated[str, Field(pattern=TENANT_PATTERN)]
LaneFunction = Literal["validate", "metadata", "derive", "record"]
FunctionName = Literal[
    "authorize",
    "upload_api",
    "validate",
    "metadata",
    "derive",
    "record",
    "generate",
    "backfill",
    "sweep",
    "origin_request",
    "fallback_share",
]
DRAWING_FUNCTIONS: tuple[FunctionName, ...] = ("metadata", "derive", "generate", "backfill")
_SMALLEST_RESERVATION = len(get_args(LaneFunction))  # one for each; a function with none never runs
# What uploaders, viewers and takedowns wait for. Lambda@Edge takes no reservation; backfills have their own setting.
ReservedFunction = Literal["authorize", "upload_api", "generate", "sweep"]
_RESERVED: dict[ReservedFunction, int] = {"authorize": 40, "upload_api": 80, "generate": 120, "sweep": 20}
_LEAST_SWEEPS = 4  # of which the queue has half, and an event source mapping takes 2 or more
# Quick functions have room to spare; derive takes most of a picture's time.
_SHARES: dict[LaneFunction, PositiveInt] = {"validate": 1, "metadata": 2, "derive": 8, "record": 1}


class FunctionSettings(Table):
    """The size of one Lambda function."""

    memory_mb: int = Field(
        ge=128,
        le=10_240,
        description="Memory in MB; CPU grows with it, 1,769 MB are one vCPU. Raise it where the duration alarm fires.",
    )
    timeout_seconds: Seconds = Field(
        le=900, description="Timeout of one invocation in seconds. Raise it with the limits on originals."
    )

    @property
    def vcpus(self) -> int:
        """Whole vCPUs; Lambda gives one for every 1,769 MB."""
        return max(1, round(self.memory_mb / 1769))


# Each function's default size; a comment says where it is more than the work itself needs.
FUNCTION_SIZES: dict[FunctionName, FunctionSettings] = {
    "authorize": FunctionSettings(memory_mb=512, timeout_seconds=10),
    "upload_api": FunctionSettings(memory_mb=1024, timeout_seconds=25),  # a takedown takes longest
    "validate": FunctionSettings(memory_mb=512, timeout_seconds=15),
    "metadata": FunctionSettings(memory_mb=1769, timeout_seconds=45),
    "derive": FunctionSettings(memory_mb=1769, timeout_seconds=60),
    "record": FunctionSettings(memory_mb=512, timeout_seconds=15),
    "generate": FunctionSettings(memory_mb=3538, timeout_seconds=25),  # a viewer waits for it
    "backfill": FunctionSettings(memory_mb=1769, timeout_seconds=60),
    "sweep": FunctionSettings(memory_mb=512, timeout_seconds=60),
    "origin_request": FunctionSettings(memory_mb=256, timeout_seconds=EDGE_TIMEOUT_SECONDS),
    "fallback_share": FunctionSettings(memory_mb=512, timeout_seconds=30),
}


def over_default_sizes(given: Any) -> Any:
    """Return the sizes ``given`` laid over the defaults: a table may set ``memory_mb`` or ``timeout_seconds`` alone."""
    if not isinstance(given, dict):
        return given
    defaults: dict[Any, dict[str, int]] = {name: size.model_dump() for name, size in FUNCTION_SIZES.items()}
    laid = {
        name: {**defaults.get(name, {}), **size} if isinstance(size, dict) else size for name, size in given.items()
    }
    return {**defaults, **laid}


class Lanes(Table):
    """How Lambda's concurrency is divided among functions and lanes, and within a lane among its functions.

    All draw on one pool of the account and region, in us-east-1 Lambda@Edge too. What has a reservation can neither
    take the others' share nor lose its own.
    """

    account_concurrency: int = Field(
        default=1000,
        ge=10,
        description="Lambda's quota of concurrent executions in this account and region; 100 cannot be reserved.",
    )
    shared_reserved_concurrency: int = Field(
        default=400,
        ge=0,
        description="Concurrent executions reserved for the shared lane at first, also its ceiling; tuning changes it."
        " 0: none, and a backlog may take all that is unreserved.",
    )
    reserved: dict[ReservedFunction, Annotated[int, Field(ge=0)]] = Field(
        default=_RESERVED,
        description="Concurrent executions reserved for functions that no backlog may delay; 0 reserves none. Raise"
        " them with traffic.",
    )
    shares: dict[LaneFunction, PositiveInt] = Field(
        default=_SHARES,
        description="How a lane's reservation is divided among its functions, in proportion to their time per picture.",
    )

    @field_validator("shares", mode="before")
    @classmethod
    def _over_default_shares(cls, given: Any) -> Any:
        return {**_SHARES, **given} if isinstance(given, dict) else given

    @field_validator("reserved", mode="before")
    @classmethod
    def _over_default_reservations(cls, given: Any) -> Any:
        return {**_RESERVED, **given} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _whole_reservations(self) -> Self:
        if 0 < self.shared_reserved_concurrency < _SMALLEST_RESERVATION:
            raise ValueError(
                f"expected shared_reserved_concurrency of 0, or of {_SMALLEST_RESERVATION} or more, one for each"
                f" function, but received {self.shared_reserved_concurrency}"
            )
        if 0 < self.reserved["sweep"] < _LEAST_SWEEPS:
            raise ValueError(
                f"expected reserved.sweep of 0, or of {_LEAST_SWEEPS} or more, half of which its queue may take,"
                f" but received {self.reserved['sweep']}"
            )
        return self

    @property
    def queued_sweeps(self) -> int:
        """How many executions the sweep's queue may take; the rest is for takedowns that someone waits for. 0: any."""
        return self.reserved["sweep"] // 2

    def share_out(self, reserved: int) -> dict[LaneFunction, int]:
        """Divide ``reserved`` concurrent executions among a lane's functions by their shares, at least one each.

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

    lane: Literal["shared", "dedicated"] = Field(
        default="shared",
        description="shared, or dedicated: its own queue and functions, so that others' load does not delay it.",
    )
    reserved_concurrency: int | None = Field(
        default=None,
        ge=_SMALLEST_RESERVATION,
        description="Concurrent executions reserved for a dedicated lane at first; required there. Tuning changes it.",
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


class Tuning(Table):
    """How the flow ``tenant_concurrency`` changes lanes' reserved concurrency."""

    weights: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default={},
        description="Weight by lane, 1 if unnamed: where there is not enough, weight 2 gets twice as much as weight 1.",
    )
    floor: int = Field(default=8, ge=4, description="Concurrent executions that every lane keeps, however idle.")
    ceiling: int = Field(default=400, ge=4, description="Concurrent executions that no lane exceeds.")
    utilization: Share = Field(
        default=0.7, description="Target share (0 to 1) of a reservation in use; the rest absorbs bursts."
    )
    drain_seconds: int = Field(default=300, ge=1, description="Seconds in which a backlog is to be worked off.")
    hysteresis: Share = Field(
        default=0.15, description="Share (0 to 1) by which a need must differ before a reservation changes."
    )
    max_step: Share = Field(default=0.5, description="Largest change per run, as a share (0 to 1) of a reservation.")
    least_step: int = Field(
        default=4, ge=1, description="Executions that a run may always change, where max_step allows fewer."
    )
    ask_above: Share = Field(
        default=0.1, description="Share (0 to 1) of all reservable concurrency; a run that moves more needs approval."
    )
    window_minutes: int = Field(default=15, ge=1, le=1440, description="Minutes of metrics that a run reads.")
    changes_per_second: float = Field(
        default=5,
        gt=0,
        le=10,
        description="Function changes per second; Lambda's control plane allows 15 requests for the whole account.",
    )

    @model_validator(mode="after")
    def _floor_below_ceiling(self) -> Self:
        if self.floor > self.ceiling:
            raise ValueError(f"expected a floor of at most the ceiling ({self.ceiling}) but received {self.floor}")
        return self

    def weight(self, lane: str) -> float:
        """Return the weight of ``lane``."""
        return self.weights.get(lane, 1.0)
