"""A report as it was made: where it is, what it says, and what it lacks."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.reporting.report_index import ReportRecord, ReportSubject

NO_END = "The notebook did not reach its end."


class MadeReport(ReportSubject):
    """A report with all that it says: ``page`` is the HTML file, whose copy stands under ``prefix`` in ``bucket``.

    ``figures`` are the notebook's named figures, ``unanswered`` the reason by question, ``failure`` what kept the
    notebook from its end.
    """

    page: Path
    bucket: str
    prefix: str
    figures: dict[str, Any]
    unanswered: dict[str, str]
    failure: str

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
            **self.model_dump(include=set(ReportSubject.model_fields)),
            made_at=datetime.now(UTC),
            page=self.key,
            sentence=self.sentence,
            fine=self.figures.get("fine"),
            unanswered=tuple(sorted(self.unanswered)),
            failure=self.failure,
        )
