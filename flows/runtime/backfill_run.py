"""The jobs of a backfill run, from the first job to the report. A restarted run resumes the jobs of an earlier one."""

import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError
from prefect import get_run_logger, task
from prefect.artifacts import create_link_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.reporting.publishing import sign_link, upload_files
from flows.reporting.rendering import NotebookFailedError, execute_notebook, render_html
from flows.runtime.artifacts import markdown_table, show_summary, show_table
from lambdas.core.aws_errors import code_of
from lambdas.core.settings import EDGE_REGION
from operations.backfill.jobs import JobOrder, JobProgress, Jobs
from operations.backfill.manifests import TaskOutcome, UnreadableReportError, read_report, write_manifest
from operations.backfill.run_state import Kind, RunJob, RunState
from operations.backfill.summary import (
    SUMMARIES,
    SUMMARY,
    BackfillReport,
    Failure,
    JobSummary,
    Sample,
    Tally,
    reasons,
    tally,
)
from operations.resources import Resources

_NOTEBOOK = "backfill"
_TITLES: dict[Kind, str] = {
    "canary": "Canary: a few pictures first",
    "main": "All other pictures",
    "retry": "Second try of failed pictures",
}
_RETRIES: dict[str, Any] = {"cache_policy": NO_CACHE, "retries": 3, "retry_delay_seconds": [2, 10, 30]}
_JOB_RETRIES: dict[str, Any] = {"cache_policy": NO_CACHE, "retries": 4, "retry_delay_seconds": [2, 10, 30, 60]}


@task(**_JOB_RETRIES, task_run_name="create the {kind} job")
def create_job(resources: Resources, state: RunState, kind: Kind) -> RunState:
    """Create a job of the run; one created before an interruption is found by its token."""
    manifest = state.jobs[kind].manifest
    order = JobOrder(
        token=state.token(kind),
        description=f"{resources.settings.prefix} backfill {state.run_id} {kind}",
        manifest=manifest,
        variants=state.variants,
        before=state.started if state.redraw else None,
        function_arn=state.function_arn,
        priority=resources.settings.backfill.priority,
    )
    changed = state.with_job(kind, RunJob(manifest=manifest, job_id=resources.jobs().create(order)))
    resources.run_states().save(changed)
    return changed


@task(**_JOB_RETRIES, task_run_name="watch the {kind} job")
def watch_job(jobs: Jobs, job_id: str, kind: Kind, poll_seconds: float) -> tuple[JobProgress, list[Sample]]:
    """Follow a job until it ends, showing its progress; return that and a sample of each change."""
    samples: list[Sample] = []
    artifact: UUID | None = None
    while True:
        job = jobs.progress(job_id)
        sample = Sample(at=datetime.now(UTC), kind=kind, status=job.status, succeeded=job.succeeded, failed=job.failed)
        if not samples or sample.model_copy(update={"at": samples[-1].at}) != samples[-1]:
            samples.append(sample)
            artifact = _show_progress(job, kind, artifact)
        if job.has_ended:
            return job, samples
        time.sleep(poll_seconds)


def _show_progress(job: JobProgress, kind: Kind, artifact: UUID | None) -> UUID:
    done = job.succeeded + job.failed
    progress = 100 * done / job.total if job.total else 0.0
    description = f"{_TITLES[kind]}: {job.status}, {done:,} of {job.total:,}, {job.failed:,} failed"
    if artifact is None:
        created = create_progress_artifact(progress=progress, key=f"backfill-{kind}", description=description)
        assert isinstance(created, UUID)  # noqa: S101 - a coroutine only inside an event loop
        return created
    update_progress_artifact(artifact_id=artifact, progress=progress, description=description)
    return artifact


@task(**_RETRIES, task_run_name="list what failed")
def list_failures(resources: Resources, state: RunState, failures: Sequence[Failure]) -> RunState:
    """Write a manifest of the failed pictures, for a second try."""
    keys = [failure.key for failure in failures]
    s3, bucket = resources.client("s3"), resources.backfill_bucket
    manifest = write_manifest(s3, bucket, state.token("retry"), resources.originals, keys)
    changed = state.with_job("retry", RunJob(manifest=manifest))
    resources.run_states().save(changed)
    return changed


@task(**_RETRIES, task_run_name="read the {kind} job's report")
def read_outcomes(resources: Resources, job_id: str, kind: Kind) -> list[TaskOutcome]:
    """Read a job's completion report."""
    return read_report(resources.client("s3"), resources.backfill_bucket, job_id)


class BackfillRun:
    """The jobs of one run, one after another."""

    def __init__(self, resources: Resources, state: RunState) -> None:
        self._resources, self._state = resources, state
        self._reports: list[list[TaskOutcome]] = []
        self._jobs: list[JobSummary] = []
        self._samples: list[Sample] = []
        get_run_logger().info("Run %s: %s pictures", state.run_id, f"{state.images:,}")

    def finish(self, page: bool) -> State[BackfillReport]:
        """Run the remaining jobs and report; return the final state."""
        try:
            problem = self._work()
        except (ClientError, UnreadableReportError) as error:
            if isinstance(error, ClientError) and code_of(error) == "NoSuchJob":
                self._resources.run_states().close(self._state)
                return Failed(message=f"{error}; the run is closed: run it again for the remaining pictures")
            return Failed(message=f"{error}; run it again with the same parameters to resume")
        counted = tally(self._state.images, self._reports)
        report = BackfillReport(
            run_id=self._state.run_id,
            images=self._state.images,
            tally=counted,
            jobs=tuple(self._jobs),
            samples=tuple(self._samples),
            estimated_seconds=self._state.estimated_seconds,
            estimated_usd=self._state.estimated_usd,
        )
        uri = _publish(self._resources, report, page=page)
        report = report.model_copy(update={"uri": uri})
        _show_result(counted, self._jobs, problem, uri, self._resources.settings.operations.shown_rows)
        self._resources.run_states().close(self._state)
        message = f"{counted.sentence}; report: {uri}"
        if problem:
            return Failed(message=f"{problem}; {message}", data=report)
        incomplete = counted.failed or counted.untried
        return Completed(name="Incomplete" if incomplete else "Completed", message=message, data=report)

    def _work(self) -> str:
        """Run the canary, the main job, and the retry of failures; return why it stopped early, or ""."""
        if problem := self._job("canary"):
            return problem
        if "main" in self._state.jobs:
            if problem := self._judge():
                return problem
            if problem := self._job("main"):
                return problem
        failures = tally(self._state.images, self._reports).failures
        if "retry" not in self._state.jobs and failures:
            self._state = list_failures(self._resources, self._state, failures)
        return self._job("retry") if "retry" in self._state.jobs else ""

    def _job(self, kind: Kind) -> str:
        """Run one job to its end and read its report; return why it did not complete, or ""."""
        if self._state.jobs[kind].job_id is None:
            self._state = create_job(self._resources, self._state, kind)
        job_id, poll_seconds = str(self._state.jobs[kind].job_id), self._resources.settings.backfill.poll_seconds
        job, samples = watch_job(self._resources.jobs(), job_id, kind, poll_seconds)
        self._jobs.append(JobSummary.of(kind, job))
        self._samples += samples
        self._reports.append(read_outcomes(self._resources, job.job_id, kind))
        if job.status == "Complete":
            return ""
        why = "; ".join(job.reasons) or "no reason was given"
        return f"the {kind} job {job.job_id} ended as {job.status} ({why})"

    def _judge(self) -> str:
        canary = tally(self._state.jobs["canary"].manifest.tasks, self._reports)
        tolerated = self._resources.settings.backfill.tolerated_failures
        if canary.failed <= tolerated * canary.images:
            return ""
        return (
            f"stopped after the canary: {canary.failed:,} of its {canary.images:,} pictures failed, more than"
            f" {tolerated:.0%}; the first: {canary.failures[0].reason}"
        )


def _show_result(counted: Tally, jobs: Sequence[JobSummary], problem: str, uri: str, shown: int) -> None:
    lines = [f"- {problem}"] if problem else []
    lines += [f"- {count:,} × {reason}" for reason, count in reasons(counted.failures).items()]
    rows = [
        (job.kind, job.job_id, job.status, job.tasks, job.succeeded, job.failed, f"{job.seconds} s") for job in jobs
    ]
    lines += ["", *markdown_table(("job", "id", "status", "tasks", "succeeded", "failed", "active"), rows)]
    lines += ["", f"Report: `{uri}`"]
    show_summary("backfill", counted.sentence, lines, description="Outcome of the pictures")
    failures = [{"original": failure.key, "reason": failure.reason} for failure in counted.failures]
    show_table("backfill-failures", failures, "Pictures that failed twice.", shown=shown, complete=uri)


def _publish(resources: Resources, report: BackfillReport, *, page: bool) -> str:
    """Upload a run's summary and, if requested, its page to the reports bucket; return the S3 URI of the last."""
    prefix = f"{SUMMARIES}/{report.run_id}"
    with tempfile.TemporaryDirectory(prefix="darkroom-backfill-") as scratch:
        folder = Path(scratch)
        summary = folder / SUMMARY
        summary.write_text(report.model_dump_json(indent=2), encoding="utf-8")
        files = [summary, *(_render(folder, summary, report.run_id, resources) if page else [])]
        upload_files(folder, files, resources.reports, prefix, EDGE_REGION)
    uri = f"s3://{resources.reports}/{prefix}/{files[-1].name}"
    if page:
        create_link_artifact(
            key="backfill-page",
            link=sign_link(resources.reports, f"{prefix}/{files[-1].name}", EDGE_REGION),
            link_text="The backfill's page",
            description=f"The link is valid for a week. Stored at {uri}",
        )
    return uri


def _render(folder: Path, summary: Path, run_id: str, resources: Resources) -> list[Path]:
    notebook, page, failure = folder / f"{_NOTEBOOK}.ipynb", folder / f"{_NOTEBOOK}.html", ""
    try:
        execute_notebook(_NOTEBOOK, notebook, {"summary_file": str(summary), "stage": resources.settings.stage})
    except NotebookFailedError as error:
        get_run_logger().warning("%s", error)
        failure = str(error)
    render_html(notebook, page, f"Backfill {run_id}", failure)
    return [notebook, page]
