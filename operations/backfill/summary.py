"""What became of a run's pictures, put together from its jobs' reports: every picture is counted once; no AWS."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from lambdas.core.batch_invocation import Done
from operations.backfill.jobs import JobProgress
from operations.backfill.manifests import TaskOutcome

STORIES, STORY = "backfill", "story.json"
"""The folder in the reports bucket, and the file in each run's own below it."""


class Failure(BaseModel):
    """A picture that could not be made whole, and why."""

    model_config = ConfigDict(frozen=True)

    key: str
    reason: str


class Sample(BaseModel):
    """How far a job was at a moment; ``at`` is UTC."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    kind: str
    status: str
    succeeded: int
    failed: int


class JobStory(BaseModel):
    """One job as it ended; ``seconds`` it was at work."""

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
    def of(cls, kind: str, job: JobProgress) -> "JobStory":
        """Return what is to be told of ``job``."""
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
    """What became of every picture of a run: made, whole already, failed, or never tried."""

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
        parts = [f"{self.made:,} drawn ({self.derivatives:,} derivatives)", f"{self.kept:,} whole already"]
        parts.append(f"{self.failed:,} failed")
        if self.untried:
            parts.append(f"{self.untried:,} not tried")
        return f"{self.images:,} pictures: {', '.join(parts)}"


class BackfillReport(BaseModel):
    """A backfill as it was made.

    ``tally`` counts every picture once, ``jobs`` are those of S3 Batch Operations, ``uri`` is where the page and its
    figures stand in the reports bucket; empty for a dry run.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str = ""
    images: int
    tally: Tally | None = None
    jobs: tuple[JobStory, ...] = ()
    samples: tuple[Sample, ...] = ()
    estimated_seconds: float = 0
    estimated_usd: float = 0
    uri: str = ""

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The pictures that could not be made whole."""
        return self.tally.failures if self.tally else ()


def tally(images: int, reports: Iterable[Iterable[TaskOutcome]]) -> Tally:
    """Count a run's pictures from the reports of its jobs, in the order in which they ran.

    What a later job says of a picture stands, but what was made stays made.
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
