"""A report as it was made: where it is, what it says, and what it lacks."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from flows.report_index import ReportRecord

NO_END = "The notebook did not reach its end."


class MadeReport(BaseModel):
    """``page`` is the HTML file, whose copy stands under ``prefix`` in ``bucket``.

    ``figures`` are the notebook's named figures, ``unanswered`` the reason by question, ``failure`` what kept the
    notebook from its end.
    """

    model_config = ConfigDict(frozen=True)

    title: str
    period: str
    first_day: date
    last_day: date
    tenant: str | None
    page: Path
    bucket: str
    prefix: str
    figures: dict[str, Any] = {}
    unanswered: dict[str, str] = {}
    failure: str = ""

    @property
    def key(self) -> str:
        """The page's key in the bucket."""
        return f"{self.prefix}/{self.page.name}"

    @property
    def uri(self) -> str:
        """The page's address in S3."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def sentence(self) -> str:
        """What it found, in a sentence."""
        return str(self.figures.get("sentence", NO_END))

    def record(self) -> ReportRecord:
        """Return what the index says of it."""
        return ReportRecord(
            title=self.title,
            period=self.period,
            first_day=self.first_day,
            last_day=self.last_day,
            tenant=self.tenant,
            made_at=datetime.now(UTC),
            page=self.key,
            sentence=self.sentence,
            fine=self.figures.get("fine"),
            unanswered=tuple(sorted(self.unanswered)),
            failure=self.failure,
        )
