"""What a backfill leaves to be looked at: its estimate, its result, its page."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from prefect import get_run_logger
from prefect.artifacts import create_link_artifact

from flows.reporting.publishing import sign_link, upload_files
from flows.reporting.rendering import NotebookFailedError, execute_notebook, render_html
from flows.runtime.artifacts import markdown_table, show_rows, show_story
from lambdas.core.settings import EDGE_REGION
from operations.backfill.estimate import Estimate
from operations.backfill.resources import BackfillPlaces
from operations.backfill.summary import (
    STORIES,
    STORY,
    JobStory,
    Tally,
    reasons,
)

NOTEBOOK = "backfill"
_LISTED = 20


def show_estimate(planned: Estimate, unknown: Sequence[str]) -> None:
    """Leave the estimate as a page, with the named images that are of no ready picture."""
    lines = markdown_table(
        ("", "about"),
        [
            ("pictures", f"{planned.images:,}"),
            ("derivatives", f"{planned.derivatives:,}"),
            ("CPU", f"{planned.cpu_seconds:,.1f} s"),
            ("time", f"{planned.seconds:,.1f} s"),
            ("cost, once", f"{planned.usd:,.4f} USD"),
            (
                "kept in both regions",
                f"{2 * planned.bytes / 1_000_000:,.1f} MB, {planned.usd_a_month:,.4f} USD a month",
            ),
        ],
    )
    if unknown:
        listed = ", ".join(f"`{each}`" for each in unknown[:_LISTED])
        lines += ["", f"{len(unknown):,} named images are of no ready picture of these tenants: {listed}"]
    sentence = f"{planned.images:,} pictures need {planned.derivatives:,} derivatives"
    show_story("backfill-estimate", sentence, lines, what="What a backfill will take")


def show_result(counted: Tally, jobs: Sequence[JobStory], problem: str, uri: str, shown: int) -> None:
    """Leave what became of the pictures as a page, and those that failed as a table."""
    lines = [f"- {problem}" for problem in filter(None, [problem])]
    lines += [f"- {count:,} × {reason}" for reason, count in reasons(counted.failures).items()]
    lines += ["", *_jobs_table(jobs), "", f"Report: `{uri}`"]
    show_story("backfill", counted.sentence, lines, what="What became of the pictures")
    rows = [{"original": failure.key, "reason": failure.reason} for failure in counted.failures]
    show_rows("backfill-failures", rows, "Pictures that failed, and failed once more.", shown=shown, whole=uri)


def _jobs_table(jobs: Sequence[JobStory]) -> list[str]:
    rows = [
        (job.kind, job.job_id, job.status, job.tasks, job.succeeded, job.failed, f"{job.seconds} s") for job in jobs
    ]
    return markdown_table(("job", "id", "status", "tasks", "succeeded", "failed", "at work"), rows)


def publish_page(places: BackfillPlaces, run_id: str, story: str, *, page: bool) -> str:
    """Put a run's story, and its page if there is to be one, into the reports bucket; return the address in S3."""
    folder_key = f"{STORIES}/{run_id}"
    with tempfile.TemporaryDirectory(prefix="darkroom-backfill-") as scratch:
        folder = Path(scratch)
        told = folder / STORY
        told.write_text(story, encoding="utf-8")
        files = [told]
        if page:
            files += _render(folder, told, run_id, places)
        upload_files(folder, files, places.reports, folder_key, EDGE_REGION)
    last = files[-1].name
    if page:
        create_link_artifact(
            key="backfill-page",
            link=sign_link(places.reports, f"{folder_key}/{last}", EDGE_REGION),
            link_text="The backfill's page",
            description=f"For a week; it stays at s3://{places.reports}/{folder_key}/{last}",
        )
    return f"s3://{places.reports}/{folder_key}/{last}"


def _render(folder: Path, story: Path, run_id: str, places: BackfillPlaces) -> list[Path]:
    notebook, page, failure = folder / f"{NOTEBOOK}.ipynb", folder / f"{NOTEBOOK}.html", ""
    try:
        execute_notebook(NOTEBOOK, notebook, {"story_file": str(story), "stage": places.settings.stage})
    except NotebookFailedError as error:
        get_run_logger().warning("%s", error)
        failure = str(error)
    render_html(notebook, page, f"Backfill {run_id}", failure)
    return [notebook, page]
