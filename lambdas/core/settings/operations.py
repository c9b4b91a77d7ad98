"""Settings for operators: reports from the access logs, backfills, audits, keys and approvals."""

from typing import Annotated

from pydantic import Field

from lambdas.core.settings.fields import Days, Table


class Analytics(Table):
    """Athena queries on the access logs, and the reports made of them."""

    first_log_year: int = Field(
        default=2026, ge=2024, le=2100, description="Year of the oldest access log; queries look no further back."
    )
    scan_limit_bytes: int = Field(
        default=107_374_182_400,
        ge=10_000_000,
        description="Bytes after which Athena cancels a query; 100 GB cost about 0.50 USD. Raise it for long periods.",
    )
    result_days: Days = Field(default=7, description="Days that Athena's result files are kept.")
    report_days: Days = Field(default=400, description="Days that rendered reports are kept.")
    concurrent_queries: int = Field(
        default=4, ge=1, le=20, description="Queries of a report that run in parallel. Lower it if Athena throttles."
    )
    attempts: int = Field(default=5, ge=1, le=20, description="Attempts of a query that Athena throttles.")
    expected_hit_ratio: float = Field(
        default=0.9, ge=0, le=1, description="Cache hit ratio (0 to 1) below which a report flags a day."
    )
    tolerated_server_errors: float = Field(
        default=0.001, ge=0, le=1, description="Share (0 to 1) of 5xx responses above which a report flags a day."
    )
    judged_requests: int = Field(
        default=1000, ge=1, description="Pictures served in a day below which its hit ratio is not judged."
    )


class Backfill(Table):
    """Backfills: derivatives of existing pictures, for a new width, new encoder settings, or what was lost."""

    reserved_concurrency: int = Field(
        default=50,
        ge=0,
        description="Concurrent executions, taken from the account's quota for good; 0 reserves none.",
    )
    priority: int = Field(
        default=10, ge=0, le=2_147_483_647, description="Priority among the account's S3 Batch Operations jobs."
    )
    canary_images: int = Field(
        default=200, ge=1, le=10_000, description="Pictures drawn and checked before all others."
    )
    tolerated_failures: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.1, description="Share (0 to 1) of failed canary pictures above which the backfill stops."
    )
    poll_seconds: float = Field(default=5, gt=0, le=60, description="Seconds between two checks of a running job.")
    paper_days: int = Field(
        default=90, ge=1, description="Days that manifests and completion reports are kept; AWS remembers a job for 90."
    )


class Operations(Table):
    """Audits, takedowns and keys, and when a flow asks for approval."""

    settled_minutes: int = Field(
        default=60, ge=0, description="Minutes after which an original without an outcome is a fault in an audit."
    )
    replica_minutes: int = Field(
        default=15, ge=0, description="Minutes after which a derivative missing in the replica is a fault in an audit."
    )
    ask_above: int = Field(default=10, ge=0, description="Pictures or messages that a flow removes without approval.")
    approval_seconds: int = Field(default=3600, ge=1, description="Seconds that a flow waits for an approval.")
    key_days: int = Field(default=90, ge=1, description="Age in days at which a signing key is due for rotation.")
    tenant_key_overlap_days: int = Field(
        default=14, ge=0, description="Days that a tenant's old key stays valid beside the new one."
    )
    reads_at_once: int = Field(default=16, ge=1, le=64, description="Concurrent requests to S3 of one audit.")
    shown_rows: int = Field(
        default=200, ge=1, le=5000, description="Rows of a table that an artifact shows; the file in S3 has all."
    )
