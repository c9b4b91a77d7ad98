"""The model of ``darkroom.toml``: every choice of the platform, read and validated in one place.

The file stands beside the ``lambdas`` package, in the repository as in the code asset, and the
stage comes from the environment variable ``DARKROOM_STAGE``.
"""

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator

from lambdas.core.keys import FORMATS, Variant, tenant_digits
from lambdas.core.settings.alarms import Alarms
from lambdas.core.settings.backfill import Backfill
from lambdas.core.settings.budget import Budget
from lambdas.core.settings.delivery import Delivery, Seconds, WebOrigin
from lambdas.core.settings.domain import Domain
from lambdas.core.settings.encoders import Calibration, Formats
from lambdas.core.settings.ladder import Ladder
from lambdas.core.settings.lanes import (
    SHARED_LANE,
    UNRESERVED_CONCURRENCY,
    LaneFunction,
    Lanes,
    Tenant,
    TenantSettings,
)
from lambdas.core.settings.operations import Operations
from lambdas.core.settings.pictures import KeptMetadata, Limits, Rendering
from lambdas.core.settings.prices import Prices
from lambdas.core.settings.storage import Days, Storage
from lambdas.core.settings.table import Table
from lambdas.core.settings.tuning import Tuning
from lambdas.core.settings.web_acl import WebAcl

SETTINGS_FILE = Path(__file__).resolve().parents[3] / "darkroom.toml"
STAGE_VARIABLE = "DARKROOM_STAGE"
DEFAULT_STAGE = "dev"

FunctionName = Literal[
    "authorize",
    "upload_api",
    "validate",
    "metadata",
    "derive",
    "record",
    "generate",
    "backfill",
    "origin_request",
    "fallback_share",
]
DRAWING_FUNCTIONS: tuple[FunctionName, ...] = ("metadata", "derive", "generate", "backfill")
EDGE_REGION = "us-east-1"  # CloudFront takes its functions and log deliveries from here only
EDGE_TIMEOUT_SECONDS = 30  # Lambda@Edge's quota for origin events


class SettingsError(ValueError):
    """``darkroom.toml`` cannot be used: each line says which field, what was expected and what it holds."""


class Regions(Table):
    """AWS regions by their role. Edge parts are always in us-east-1, where CloudFront requires them."""

    primary: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="Pipeline, originals, derivatives, table.")
    replica: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="The bucket that delivery falls back to.")

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.primary == self.replica:
            raise ValueError(f"expected a replica region other than the primary {self.primary!r}")
        return self


class Uploads(Table):
    """What the upload API hands out."""

    link_seconds: Seconds = Field(le=3600, description="Life of a presigned request, in seconds.")
    allowed_origins: tuple[WebOrigin, ...] = Field(description="Web origins whose pages may upload (CORS).")
    content_types: tuple[str, ...] = Field(min_length=1, description="Content types that may be declared.")
    requests_per_second: int = Field(ge=1, description="Sustained rate at which the API answers; beyond it, 429.")
    burst_requests: int = Field(ge=1, description="Requests answered at once on top of that rate.")
    # A form may hold 5 GB, but one lost connection would lose all of it.
    single_max_bytes: int = Field(ge=0, le=5 * 1024**3, description="A larger file is uploaded in parts.")
    parts: int = Field(ge=1, le=10_000, description="Parts aimed at, as far as their bounds allow.")
    # S3 takes parts of 5 MiB to 5 GiB, and 10,000 of them.
    part_min_bytes: int = Field(ge=5 * 1024**2, le=5 * 1024**3, description="Size of a part at least; not the last's.")
    part_max_bytes: int = Field(ge=5 * 1024**2, le=5 * 1024**3, description="Size of a part at most.")
    parts_per_page: int = Field(ge=1, le=1000, description="Parts signed or listed in one answer.")

    @model_validator(mode="after")
    def _bounds_of_a_part(self) -> Self:
        if self.part_min_bytes > self.part_max_bytes:
            raise ValueError(
                f"expected part_max_bytes of at least part_min_bytes ({self.part_min_bytes})"
                f" but received {self.part_max_bytes}"
            )
        return self


class Api(Table):
    """How much the upload API gives at a time."""

    images_per_page: int = Field(ge=1, le=1000, description="Pictures listed in one answer.")


class Issuer(Table):
    """Whose tokens are accepted, in place of the tenants' own."""

    name: str = Field(min_length=1, description="What the claim iss must be.")
    jwks_url: str = Field(pattern=r"^https://\S+$", description="Where its public keys are read (JSON Web Key Set).")
    algorithms: tuple[Literal["RS256", "ES256"], ...] = Field(min_length=1, description="Signatures accepted.")
    tenant_claim: str = Field(min_length=1, description="The claim that holds the tenant.")


class Auth(Table):
    """Who may call the upload API: the bearer tokens (JWT) that are accepted."""

    accepts: Literal["tenant_keys", "issuer"] = Field(description="HS256 with tenants' keys, or an issuer's tokens.")
    audience: str = Field(min_length=1, description="What the claim aud must hold.")
    leeway_seconds: int = Field(ge=0, le=300, description="Difference of clocks that is forgiven, in seconds.")
    keys_seconds: Seconds = Field(description="How long keys are held before they are read again, in seconds.")
    refresh_seconds: Seconds = Field(description="Shortest time between two readings of the keys, in seconds.")
    max_token_bytes: int = Field(ge=256, le=8192, description="Longest token; API Gateway's headers end at 10,240.")
    issuer: Issuer | None = Field(default=None, description="Needed where accepts is issuer.")

    @model_validator(mode="after")
    def _issuer_named(self) -> Self:
        if self.accepts == "issuer" and self.issuer is None:
            raise ValueError("expected a table auth.issuer where auth.accepts is 'issuer' but received none")
        return self


class ImageTokens(Table):
    """Tokens that let a viewer see private pictures."""

    default_seconds: Seconds = Field(description="Life of a token whose request names none, in seconds.")
    max_seconds: Seconds = Field(description="Longest life that may be asked for, in seconds.")
    max_bytes: int = Field(ge=512, le=8192, description="Longest token that the edge looks at, in bytes.")

    @model_validator(mode="after")
    def _default_within(self) -> Self:
        if self.default_seconds > self.max_seconds:
            raise ValueError(
                f"expected default_seconds of at most max_seconds ({self.max_seconds})"
                f" but received {self.default_seconds}"
            )
        return self


class Pipeline(Table):
    """Queue, pipe and state machine of every lane."""

    batch_size: Literal[1] = Field(description="Messages per execution; 1, so that one picture never fails another.")
    max_receive_count: int = Field(ge=5, le=1000, description="Tries before a message goes to the dead-letter queue.")
    execution_seconds: int = Field(ge=30, le=300, description="Deadline in seconds; Express allows 300.")
    postponed_seconds: int = Field(
        ge=1, le=900, description="A message that is throttled throughout is sent anew within so many; SQS allows 900."
    )
    group_seconds: float = Field(gt=0, le=60, description="CPU seconds that one group of derivatives aims at.")
    derive_concurrency: int = Field(ge=1, le=40, description="Groups drawn side by side; an inline Map ends at 40.")


class FunctionSettings(Table):
    """What one Lambda function may take."""

    memory_mb: int = Field(ge=128, le=10_240, description="Memory in MB; CPU grows with it.")
    timeout_seconds: Seconds = Field(le=900, description="Deadline of one invocation, in seconds.")

    @property
    def vcpus(self) -> int:
        """Whole vCPUs at hand; Lambda gives one for every 1,769 MB."""
        return max(1, round(self.memory_mb / 1769))


class Analytics(Table):
    """Questions put to the access logs, and the reports made of them."""

    first_log_year: int = Field(ge=2024, le=2100, description="No log is older than this year.")
    scan_limit_bytes: int = Field(ge=10_000_000, description="Athena cancels a question that would read more bytes.")
    result_days: Days = Field(description="Life of Athena's own result files, in days.")
    report_days: Days = Field(description="Life of rendered reports, in days.")
    concurrent_questions: int = Field(ge=1, le=20, description="Questions of one report that run side by side.")
    attempts: int = Field(ge=1, le=20, description="Tries of a question that Athena throttles.")
    expected_hit_ratio: float = Field(ge=0, le=1, description="Hits among pictures served, below which a day is poor.")
    tolerated_server_errors: float = Field(ge=0, le=1, description="5xx among all requests, above which a day is poor.")
    judged_requests: int = Field(ge=1, description="Pictures served from which on the hit ratio is judged.")


class Settings(Table):
    """All of ``darkroom.toml`` for one stage."""

    stage: str = Field(pattern=r"^[a-z][a-z0-9]{1,15}$", description="dev, staging, production …")
    name: str = Field(pattern=r"^[a-z][a-z0-9]{2,19}$", description="Prefix of every AWS name.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(description="Least severity that is logged.")
    regions: Regions
    ladder: Ladder
    formats: Formats
    calibration: Calibration
    rendering: Rendering
    limits: Limits
    metadata: KeptMetadata
    uploads: Uploads
    api: Api
    auth: Auth
    image_tokens: ImageTokens
    pipeline: Pipeline
    lanes: Lanes
    functions: dict[FunctionName, FunctionSettings] = Field(description="Size of every function, by its name.")
    delivery: Delivery
    waf: WebAcl
    storage: Storage
    alarms: Alarms
    budget: Budget | None = Field(default=None, description="Left out, no sum is watched.")
    domain: Domain | None = Field(default=None, description="Left out, the edge has a name of CloudFront's.")
    analytics: Analytics
    prices: Prices
    operations: Operations
    tuning: Tuning
    backfill: Backfill
    tenants: dict[Tenant, TenantSettings] = Field(min_length=1, description="By the tenant's name in keys and tokens.")

    @model_validator(mode="after")
    def _eager_on_the_ladder(self) -> Self:
        strays = set(self.rendering.eager_widths) - set(self.ladder.widths)
        if strays:
            raise ValueError(f"expected rendering.eager_widths on the ladder but received {sorted(strays)}")
        return self

    @model_validator(mode="after")
    def _no_lane_twice(self) -> Self:
        if SHARED_LANE in self.dedicated_tenants:
            raise ValueError(f"expected another name for a dedicated tenant but received {SHARED_LANE!r}, as a lane is")
        return self

    @model_validator(mode="after")
    def _reservations_within_the_quota(self) -> Self:
        reserved = [tenant.reserved_concurrency or 0 for tenant in self.tenants.values()]
        received = sum(reserved) + (self.lanes.shared_reserved_concurrency or 0) + self.backfill.reserved_concurrency
        limit = self.lanes.account_concurrency - UNRESERVED_CONCURRENCY
        if received > max(limit, 0):
            raise ValueError(
                f"expected lanes and the backfill to reserve at most {limit} executions at once, which is"
                f" lanes.account_concurrency less the {UNRESERVED_CONCURRENCY} that Lambda keeps,"
                f" but received {received}"
            )
        return self

    @model_validator(mode="after")
    def _weights_of_lanes(self) -> Self:
        strays = set(self.tuning.weights) - set(self.lane_names)
        if strays:
            raise ValueError(f"expected tuning.weights of {', '.join(self.lane_names)} but received {sorted(strays)}")
        return self

    @model_validator(mode="after")
    def _tenants_told_apart(self) -> Self:
        by_digits = {tenant_digits(name): name for name in self.tenants}
        alike = set(self.tenants) - set(by_digits.values())
        if alike:
            raise ValueError(
                f"expected tenants whose private ids begin differently but received {sorted(alike)}, whose digits are"
                " another's: rename them"
            )
        return self

    @model_validator(mode="after")
    def _every_function(self) -> Self:
        missing = set(get_args(FunctionName)) - set(self.functions)
        if missing:
            raise ValueError(
                f"expected a table in functions for {sorted(missing)} but received {sorted(self.functions)}"
            )
        received = self.functions["origin_request"].timeout_seconds
        if received > EDGE_TIMEOUT_SECONDS:
            raise ValueError(
                f"expected functions.origin_request.timeout_seconds of at most {EDGE_TIMEOUT_SECONDS}"
                f" (Lambda@Edge) but received {received}"
            )
        return self

    @model_validator(mode="after")
    def _memory_for_the_worst_original(self) -> Self:
        for name in DRAWING_FUNCTIONS:
            self.limits.require_memory(name, self.functions[name].memory_mb)
        return self

    @property
    def prefix(self) -> str:
        """What every AWS name of this stage begins with: ``darkroom-dev``."""
        return f"{self.name}-{self.stage}"

    def parameter_name(self, thing: str) -> str:
        """Return the SSM parameter under which the stacks publish ``thing``: ``/darkroom/dev/images-table``."""
        return f"/{self.name}/{self.stage}/{thing}"

    @property
    def dedicated_tenants(self) -> tuple[Tenant, ...]:
        """The tenants that have a lane of their own, which bears their name."""
        return tuple(sorted(name for name, tenant in self.tenants.items() if tenant.lane == "dedicated"))

    @property
    def lane_names(self) -> tuple[str, ...]:
        """The names of all lanes, the shared one first."""
        return (SHARED_LANE, *self.dedicated_tenants)

    def reserved_concurrency(self, lane: str) -> dict[LaneFunction, int]:
        """Return the executions at once that are reserved for each function of ``lane``; empty where none are.

        Raises:
            KeyError: there is no such lane.
        """
        shared = lane == SHARED_LANE
        reserved = self.lanes.shared_reserved_concurrency if shared else self.tenants[lane].reserved_concurrency
        return {} if reserved is None else self.lanes.share_out(reserved)

    @property
    def eager_variants(self) -> tuple[Variant, ...]:
        """The variants that the pipeline makes of every picture, widest first."""
        return tuple(
            Variant(width, 0, fmt)
            for width in sorted(self.rendering.eager_widths, reverse=True)
            for fmt in FORMATS
            if fmt in self.rendering.eager_formats
        )


def laid_over(base: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with what ``overrides`` says in its stead, table by table."""
    merged = dict(base)
    for key, value in overrides.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = laid_over(merged[key], value) if both_tables else value
    return merged


def parse_settings(text: str, stage: str, source: str = "darkroom.toml") -> Settings:
    """Read TOML ``text`` for ``stage``, its ``[stage.NAME]`` table laid over the rest.

    Raises:
        SettingsError: the text is no TOML, the stage is malformed, or a field is wrong; names
            every wrong field, what was expected for it and what was received.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source}: expected TOML but received a line that is none: {error}") from error
    stages = tables.pop("stage", {})
    try:
        return Settings.model_validate({**laid_over(tables, stages.get(stage, {})), "stage": stage})
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            field = ".".join(map(str, fault["loc"])) or "the file as a whole"
            expected = fault["msg"].removeprefix("Value error, ")
            received = "" if fault["type"] == "value_error" else f" but received {fault['input']!r}"
            lines.append(f"{source} (stage {stage}): {field}: {expected[0].lower()}{expected[1:]}{received}")
        raise SettingsError("\n".join(lines)) from error


@cache
def load_settings(path: Path = SETTINGS_FILE, stage: str | None = None) -> Settings:
    """Read the settings file at ``path``, once a process, for ``stage`` or the environment's.

    Raises:
        SettingsError: the file is missing or wrong.
    """
    chosen = stage or os.environ.get(STAGE_VARIABLE, DEFAULT_STAGE)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"expected the settings at {path} but received {error.strerror}") from error
    return parse_settings(text, chosen, path.name)
