"""The settings of one stage as a whole, and the checks that concern more than one table."""

from typing import Any, Literal, Self, get_args

from pydantic import Field, ValidationInfo, field_validator, model_validator

from lambdas.core.keys import NEGOTIATED_FORMATS, Variant, tenant_digits
from lambdas.core.settings.delivery import Delivery, Domain, WebAcl
from lambdas.core.settings.fields import Table
from lambdas.core.settings.ingest import Api, Auth, ImageTokens, Inspection, Pipeline, Uploads
from lambdas.core.settings.lanes import (
    DRAWING_FUNCTIONS,
    EDGE_TIMEOUT_SECONDS,
    FUNCTION_SIZES,
    SHARED_LANE,
    UNRESERVED_CONCURRENCY,
    FunctionName,
    FunctionSettings,
    LaneFunction,
    Lanes,
    Tenant,
    TenantSettings,
    Tuning,
    over_default_sizes,
)
from lambdas.core.settings.monitoring import Alarms, Budget
from lambdas.core.settings.operations import Analytics, Backfill, Operations
from lambdas.core.settings.pictures import Calibration, Formats, KeptMetadata, Ladder, Limits, Rendering
from lambdas.core.settings.storage import Regions, Storage

CHECKED = "checked"
"""Validation context of settings that were cross-checked before, of which a part is left out now."""


_TAKEN = {SHARED_LANE: "the shared lane", "sweep": "the queue of takedowns"}
"""Names that a lane would make a second resource of, and whose they are."""


class Settings(Table):
    """Every setting of one stage; what ``darkroom.toml`` leaves out has its default."""

    stage: str = Field(
        pattern=r"^[a-z][a-z0-9]{1,15}$", description="The stage: its name in darkroom.toml, as in [stage.dev]."
    )
    name: str = Field(
        default="darkroom",
        pattern=r"^[a-z][a-z0-9]{2,19}$",
        description="Prefix of every AWS name. Choose it before the first deployment.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest severity that functions log. DEBUG while you look for a fault."
    )
    regions: Regions = Regions()
    ladder: Ladder = Ladder()
    formats: Formats = Formats()
    calibration: Calibration = Calibration()
    rendering: Rendering = Rendering()
    limits: Limits = Limits()
    metadata: KeptMetadata = KeptMetadata()
    uploads: Uploads = Uploads()
    api: Api = Api()
    auth: Auth = Auth()
    image_tokens: ImageTokens = ImageTokens()
    pipeline: Pipeline = Pipeline()
    inspection: Inspection = Inspection()
    lanes: Lanes = Lanes()
    functions: dict[FunctionName, FunctionSettings] = Field(
        default=FUNCTION_SIZES, description="Size of every function, by its name."
    )
    delivery: Delivery = Delivery()
    waf: WebAcl = WebAcl()
    storage: Storage = Storage()
    alarms: Alarms = Alarms()
    budget: Budget | None = Field(default=None, description="A monthly AWS budget of this stage. Unset: none.")
    domain: Domain | None = Field(
        default=None, description="Domain names of your own for pictures. Unset: a name of CloudFront's."
    )
    analytics: Analytics = Analytics()
    operations: Operations = Operations()
    tuning: Tuning = Tuning()
    backfill: Backfill = Backfill()
    tenants: dict[Tenant, TenantSettings] = Field(
        default={"demo": TenantSettings()},
        min_length=1,
        description="One table per tenant, by its name in keys and tokens.",
    )

    @field_validator("functions", mode="before")
    @classmethod
    def _over_default_sizes(cls, given: Any) -> Any:
        return over_default_sizes(given)

    @model_validator(mode="after")
    def _cross_checks(self, info: ValidationInfo) -> Self:
        if info.context != CHECKED:
            self._check_ladder()
            self._check_lanes()
            self._check_tenants()
            self._check_functions()
            self._check_queue_age()
        return self

    def _check_ladder(self) -> None:
        strays = set(self.rendering.eager_widths) - set(self.ladder.widths)
        if strays:
            raise ValueError(f"expected rendering.eager_widths on the ladder but received {sorted(strays)}")

    def _check_lanes(self) -> None:
        if taken := _TAKEN.keys() & set(self.dedicated_tenants):
            name = min(taken)
            raise ValueError(
                f"expected another name for a dedicated tenant but received {name!r}, the name of {_TAKEN[name]}"
            )
        received = self._reservations
        limit = self.lanes.account_concurrency - UNRESERVED_CONCURRENCY
        if (whole := sum(received.values())) > max(limit, 0):
            parts = ", ".join(f"{name} = {executions}" for name, executions in received.items() if executions)
            raise ValueError(
                f"expected lanes and functions to reserve at most {limit} concurrent executions, which is"
                f" lanes.account_concurrency less the {UNRESERVED_CONCURRENCY} that Lambda keeps,"
                f" but received {whole}: {parts}"
            )
        strays = set(self.tuning.weights) - set(self.lane_names)
        if strays:
            raise ValueError(f"expected tuning.weights for {', '.join(self.lane_names)} but received {sorted(strays)}")

    def _check_tenants(self) -> None:
        by_digits = {tenant_digits(name): name for name in self.tenants}
        alike = set(self.tenants) - set(by_digits.values())
        if alike:
            raise ValueError(
                f"expected tenants with different digits in image ids but received {sorted(alike)},"
                " which have another's: rename them"
            )

    def _check_functions(self) -> None:
        received = self.functions["origin_request"].timeout_seconds
        if received > EDGE_TIMEOUT_SECONDS:
            raise ValueError(
                f"expected functions.origin_request.timeout_seconds of at most {EDGE_TIMEOUT_SECONDS}"
                f" (Lambda@Edge) but received {received}"
            )
        once = sum(self.functions[name].timeout_seconds for name in get_args(LaneFunction))
        if once > self.pipeline.execution_seconds:
            raise ValueError(
                f"expected pipeline.execution_seconds of at least {once}, the timeouts of a lane's functions together,"
                f" but received {self.pipeline.execution_seconds}"
            )
        for name in DRAWING_FUNCTIONS:
            self.limits.require_memory(name, self.functions[name].memory_mb)

    def _check_queue_age(self) -> None:
        # SQS counts a message's age from when it was sent until it is received for the third time.
        retried, postponed = 2 * self.pipeline.visibility_seconds, self.pipeline.postponed_seconds
        received = self.alarms.queue_age_seconds
        if received <= max(retried, postponed):
            raise ValueError(
                f"expected alarms.queue_age_seconds above {max(retried, postponed)}, the age of a message that is"
                f" retried twice ({retried}) or postponed ({postponed}), but received {received}"
            )

    @property
    def prefix(self) -> str:
        """What every AWS name of this stage begins with: ``darkroom-dev``."""
        return f"{self.name}-{self.stage}"

    def parameter_name(self, thing: str) -> str:
        """Return the SSM parameter under which the stacks publish ``thing``: ``/darkroom/dev/images-table``."""
        return f"/{self.name}/{self.stage}/{thing}"

    @property
    def dedicated_tenants(self) -> tuple[Tenant, ...]:
        """The tenants with a lane of their own, which has their name."""
        return tuple(sorted(name for name, tenant in self.tenants.items() if tenant.lane == "dedicated"))

    @property
    def lane_names(self) -> tuple[str, ...]:
        """The names of all lanes, the shared one first."""
        return (SHARED_LANE, *self.dedicated_tenants)

    def reserved_concurrency(self, lane: str) -> dict[LaneFunction, int]:
        """Return the concurrent executions reserved for each function of ``lane``; empty where none are.

        Raises:
            KeyError: there is no such lane.
        """
        shared = lane == SHARED_LANE
        reserved = self.lanes.shared_reserved_concurrency if shared else self.tenants[lane].reserved_concurrency
        return self.lanes.share_out(reserved) if reserved else {}

    @property
    def function_reservations(self) -> dict[FunctionName, int]:
        """Concurrent executions reserved for each function outside of lanes; 0 for one without a reservation."""
        reserved: dict[FunctionName, int] = dict(self.lanes.reserved.items())
        return reserved | {"backfill": self.backfill.reserved_concurrency}

    @property
    def _reservations(self) -> dict[str, int]:
        """Every reservation, by the setting that makes it."""
        return {
            "lanes.shared_reserved_concurrency": self.lanes.shared_reserved_concurrency,
            **{f"lanes.reserved.{name}": executions for name, executions in self.lanes.reserved.items()},
            "backfill.reserved_concurrency": self.backfill.reserved_concurrency,
            "tenants.*.reserved_concurrency": sum(each.reserved_concurrency or 0 for each in self.tenants.values()),
        }

    @property
    def eager_variants(self) -> tuple[Variant, ...]:
        """The variants that the pipeline makes of every picture, widest first."""
        return tuple(
            Variant(width, 0, fmt)
            for width in sorted(self.rendering.eager_widths, reverse=True)
            for fmt in NEGOTIATED_FORMATS
            if fmt in self.rendering.eager_formats
        )
