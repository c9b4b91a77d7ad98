"""The summary of a backfill run, from the reports of its jobs: every picture is counted exactly once."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import boto3
from pydantic import BaseModel, ConfigDict, ValidationError

from lambdas.core.batch_invocation import Done
from lambdas.core.settings import EDGE_REGION, Settings
from operations.backfill.jobs import JobProgress
from operations.backfill.manifests import TaskOutcome
from operations.discovery import look_up

SUMMARIES, SUMMARY = "backfill", "summary.json"
"""Folder in the reports bucket, and the file in each run's own folder below it."""


class NoSummaryError(LookupError):
    """There is no backfill's summary: none has run, or all have expired."""


class Failure(BaseModel):
    """A picture that failed, and why."""

    model_config = ConfigDict(frozen=True)

    key: str
    reason: str


class Sample(BaseModel):
    """The progress of a job at one time (UTC)."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    kind: str
    status: str
    succeeded: int
    failed: int


class JobSummary(BaseModel):
    """One job at its end; ``seconds`` in the status Active."""

    model_config = ConfigDict(frozen=True)

    kind: str
    job_id: str
    status: str
    tasks: int
    succeeded: int
    failed: int
    seconds: int
    reasons: tuple[str, ...] = ()

    @classmethod
    def of(cls, kind: str, job: JobProgress) -> "JobSummary":
        """Return the summary of ``job``."""
        return cls(
            kind=kind,
            job_id=job.job_id,
            status=job.status,
            tasks=job.total,
            succeeded=job.succeeded,
            failed=job.failed,
            seconds=job.seconds,
            reasons=job.reasons,
        )


class Tally(BaseModel):
    """Every picture of a run by outcome: made, kept because it was complete, failed, or not tried."""

    model_config = ConfigDict(frozen=True)

    images: int
    made: int = 0
    kept: int = 0
    failed: int = 0
    untried: int = 0
    derivatives: int = 0
    bytes: int = 0
    function_seconds: float = 0
    failures: tuple[Failure, ...] = ()

    @property
    def sentence(self) -> str:
        """The tally in a sentence."""
        parts = [f"{self.made:,} drawn ({self.derivatives:,} derivatives)", f"{self.kept:,} already complete"]
        parts.append(f"{self.failed:,} failed")
        if self.untried:
            parts.append(f"{self.untried:,} not tried")
        return f"{self.images:,} pictures: {', '.join(parts)}"


class BackfillReport(BaseModel):
    """The result of a backfill.

    ``tally`` counts every picture once, ``jobs`` are those of S3 Batch Operations, ``uri`` is the page in the reports
    bucket; both are empty for a dry run.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str = ""
    images: int
    tally: Tally | None = None
    jobs: tuple[JobSummary, ...] = ()
    samples: tuple[Sample, ...] = ()
    estimated_seconds: float = 0
    estimated_usd: float = 0
    uri: str = ""

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The pictures that failed."""
        return self.tally.failures if self.tally else ()


def tally(images: int, reports: Iterable[Iterable[TaskOutcome]]) -> Tally:
    """Count a run's pictures from the reports of its jobs, in the order in which they ran.

    A later job's outcome of a picture replaces an earlier one, except that derivatives once made count as made.
    """
    last: dict[str, TaskOutcome] = {}
    made: set[str] = set()
    totals: Counter[str] = Counter()
    function_seconds = 0.0
    for outcome in (outcome for report in reports for outcome in report):
        last[outcome.key] = outcome
        done = _done(outcome)
        if done is not None:
            function_seconds += done.seconds
            totals["derivatives"] += done.made
            totals["bytes"] += done.bytes
            if done.made:
                made.add(outcome.key)
    succeeded = {key for key, outcome in last.items() if outcome.succeeded}
    failures = [Failure(key=key, reason=each.message) for key, each in sorted(last.items()) if not each.succeeded]
    return Tally(
        images=images,
        made=len(succeeded & made),
        kept=len(succeeded - made),
        failed=len(failures),
        untried=images - len(last),
        derivatives=totals["derivatives"],
        bytes=totals["bytes"],
        function_seconds=round(function_seconds, 3),
        failures=tuple(failures),
    )


def reasons(failures: Iterable[Failure]) -> dict[str, int]:
    """Count failures by the code that their reasons begin with, most frequent first."""
    counted = Counter(failure.reason.partition(":")[0] for failure in failures)
    return dict(counted.most_common())


def _done(outcome: TaskOutcome) -> Done | None:
    if not outcome.succeeded:
        return None
    try:
        return Done.model_validate_json(outcome.message)
    except ValidationError:
        return None


def load_summary(file: str, settings: Settings) -> BackfillReport:
    """Return the summary in ``file``, or the latest of the stage if that is empty.

    Raises:
        NoSummaryError: there is none.
        NotDeployedError: the stage has no reports bucket.
    """
    if file:
        return BackfillReport.model_validate_json(Path(file).read_text(encoding="utf-8"))
    bucket = look_up(settings, {"bucket": "reports-bucket"}, EDGE_REGION)["bucket"]
    s3 = boto3.client("s3", region_name=EDGE_REGION)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{SUMMARIES}/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"].endswith(f"/{SUMMARY}")]
    if not keys:
        raise NoSummaryError(f"No backfill summary in {bucket}: run one first (python -m flows.backfill)")
    return BackfillReport.model_validate_json(s3.get_object(Bucket=bucket, Key=max(keys))["Body"].read())
