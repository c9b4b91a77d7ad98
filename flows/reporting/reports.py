"""The kinds of report, and a finished report as flows return it and the index lists it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

NO_END = "The notebook did not finish."


@dataclass(frozen=True, slots=True)
class ReportKind:
    """A kind of report.

    ``queries`` are run for its period, ``compared`` also for the previous one; the result of ``table`` is shown beside
    the link to the page.
    """

    notebook: str
    title: str
    queries: tuple[str, ...]
    compared: tuple[str, ...]
    table: str


DELIVERY = ReportKind(
    "delivery",
    "Delivery",
    (
        "hit_ratio_by_format",
        "hit_ratio_by_hour",
        "hit_ratio_by_day",
        "hit_ratio_by_tenant",
        "hit_ratio_by_location",
        "cost_by_tenant",
        "savings_by_tenant",
        "latency",
        "top_images",
        "top_keys",
        "server_errors",
        "client_errors",
        "missing_images",
        "fallback_by_day",
        "bots",
        "hotlinkers",
        "widths",
        "unused_variants",
    ),
    ("hit_ratio_by_format", "savings_by_tenant", "latency"),
    "hit_ratio_by_format",
)
TENANTS = ReportKind(
    "tenants",
    "Tenants",
    ("hit_ratio_by_format", "hit_ratio_by_tenant", "cost_by_tenant", "savings_by_tenant", "top_images"),
    ("hit_ratio_by_format", "cost_by_tenant"),
    "hit_ratio_by_tenant",
)
KINDS = {kind.notebook: kind for kind in (DELIVERY, TENANTS)}


class ReportSubject(BaseModel):
    """What a report is about: its kind, days and tenant; ``tenant`` is None for all."""

    model_config = ConfigDict(frozen=True)

    title: str
    period: str
    first_day: date
    last_day: date
    tenant: str | None


class ReportRecord(ReportSubject):
    """What the index lists of a report, stored beside the page and after it.

    ``fine`` is None if the logs do not say; ``failed_queries`` are names, ``failure`` is why the notebook failed.
    """

    made_at: datetime
    page: str
    sentence: str
    fine: bool | None
    failed_queries: tuple[str, ...] = ()
    failure: str = ""


class FinishedReport(ReportSubject):
    """A rendered report: ``page`` is the local HTML file, stored under ``prefix`` in ``bucket``.

    ``figures`` are the notebook's named figures, ``failed_queries`` reasons by query, ``failure`` why the notebook
    failed; empty if it did not.
    """

    page: Path
    bucket: str
    prefix: str
    figures: dict[str, Any]
    failed_queries: dict[str, str]
    failure: str

    @property
    def key(self) -> str:
        """The page's key in the bucket."""
        return f"{self.prefix}/{self.page.name}"

    @property
    def uri(self) -> str:
        """The page's S3 URI."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def sentence(self) -> str:
        """Its finding in a sentence."""
        return str(self.figures.get("sentence", NO_END))

    def record(self) -> ReportRecord:
        """Return its record for the index."""
        return ReportRecord(
            **self.model_dump(include=set(ReportSubject.model_fields)),
            made_at=datetime.now(UTC),
            page=self.key,
            sentence=self.sentence,
            fine=self.figures.get("fine"),
            failed_queries=tuple(sorted(self.failed_queries)),
            failure=self.failure,
        )
