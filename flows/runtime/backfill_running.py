"""A backfill's run from its first job to its report, whichever of them another flow run has done before."""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.runtime.backfill_artifacts import publish_page, show_result
from flows.runtime.backfill_following import follow
from lambdas.core.aws_errors import code_of
from operations.backfill.manifests import (
    TaskOutcome,
    UnreadableReportError,
    read_report,
    write_manifest,
)
from operations.backfill.resources import BackfillPlaces
from operations.backfill.run_state import Book, Entry, Kind
from operations.backfill.summary import (
    BackfillReport,
    Failure,
    JobStory,
    Sample,
    tally,
)

_RETRIES: dict[str, Any] = {"cache_policy": NO_CACHE, "retries": 3, "retry_delay_seconds": [2, 10, 30]}


@task(**_RETRIES, task_run_name="list what failed")
def list_failures(places: BackfillPlaces, book: Book, failures: Sequence[Failure]) -> Book:
    """Write the manifest of what failed, to be tried once more."""
    keys = [failure.key for failure in failures]
    written = write_manifest(places.client("s3"), places.papers, book.token("again"), places.originals, keys)
    changed = book.with_entry("again", Entry(manifest=written))
    places.shelf().save(changed)
    return changed


@task(**_RETRIES, task_run_name="read the {kind} job's report")
def read_outcomes(places: BackfillPlaces, job_id: str, kind: Kind) -> list[TaskOutcome]:
    """Read a job's completion report."""
    return read_report(places.client("s3"), places.papers, job_id)


class BackfillRun:
    """The jobs of one run, one after another."""

    def __init__(self, places: BackfillPlaces, book: Book) -> None:
        self._places, self._book = places, book
        self._reports: list[list[TaskOutcome]] = []
        self._jobs: list[JobStory] = []
        self._samples: list[Sample] = []
        get_run_logger().info("Run %s: %s pictures", book.run_id, f"{book.images:,}")

    def finish(self, page: bool) -> State[BackfillReport]:
        """Run what is left of the run; return its end."""
        try:
            problem = self._work()
        except (ClientError, UnreadableReportError) as error:
            if isinstance(error, ClientError) and code_of(error) == "NoSuchJob":
                self._places.shelf().close(self._book)
                return Failed(message=f"{error}; this run is put away: run it again for what is left")
            # The book stays: whoever runs it again goes on from here.
            return Failed(message=f"{error}; run it again with the same parameters to go on")
        counted = tally(self._book.images, self._reports)
        report = BackfillReport(
            run_id=self._book.run_id,
            images=self._book.images,
            tally=counted,
            jobs=tuple(self._jobs),
            samples=tuple(self._samples),
            estimated_seconds=self._book.estimated_seconds,
            estimated_usd=self._book.estimated_usd,
        )
        uri = publish_page(self._places, report.run_id, report.model_dump_json(indent=2), page=page)
        report = report.model_copy(update={"uri": uri})
        show_result(counted, self._jobs, problem, uri, self._places.settings.operations.shown_rows)
        self._places.shelf().close(self._book)
        if problem:
            return Failed(message=f"{problem}; {counted.sentence}; report: {uri}", data=report)
        if counted.failed or counted.untried:
            return Completed(name="Incomplete", message=f"{counted.sentence}; report: {uri}", data=report)
        return Completed(message=f"{counted.sentence}; report: {uri}", data=report)

    def _work(self) -> str:
        """Run canary, main job, and once more what failed; return what stopped it early, if anything did."""
        if problem := self._job("canary"):
            return problem
        if "main" in self._book.entries:
            if problem := self._judge():
                return problem
            if problem := self._job("main"):
                return problem
        failures = tally(self._book.images, self._reports).failures
        if "again" not in self._book.entries and failures:
            self._book = list_failures(self._places, self._book, failures)
        return self._job("again") if "again" in self._book.entries else ""

    def _job(self, kind: Kind) -> str:
        """Have one job run to its end, and read its report; return why it did not complete, if it did not."""
        self._book, job, samples = follow(self._places, self._book, kind)
        self._jobs.append(JobStory.of(kind, job))
        self._samples += samples
        self._reports.append(read_outcomes(self._places, job.job_id, kind))
        if job.status == "Complete":
            return ""
        why = "; ".join(job.reasons) or "no reason was given"
        return f"the {kind} job {job.job_id} ended as {job.status} ({why})"

    def _judge(self) -> str:
        canary = tally(self._book.entries["canary"].manifest.tasks, self._reports)
        tolerated = self._places.settings.backfill.tolerated_failures
        if canary.failed <= tolerated * canary.images:
            return ""
        return (
            f"stopped after the canary: {canary.failed:,} of its {canary.images:,} pictures failed, more than"
            f" {tolerated:.0%}; the first: {canary.failures[0].reason}"
        )
