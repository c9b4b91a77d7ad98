"""One job of a backfill: made if it was not, and watched to its end."""

import time
from datetime import UTC, datetime
from uuid import UUID

from prefect import task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from operations.backfill.jobs import JobOrder, JobProgress, Jobs
from operations.backfill.resources import BackfillPlaces
from operations.backfill.run_state import Book, Entry, Kind
from operations.backfill.summary import Sample

_TITLES: dict[Kind, str] = {
    "canary": "Canary: a few pictures first",
    "main": "All other pictures",
    "again": "What failed, once more",
}


@task(cache_policy=NO_CACHE, retries=4, retry_delay_seconds=[2, 10, 30, 60], task_run_name="create the {kind} job")
def create_job(places: BackfillPlaces, book: Book, kind: Kind) -> Book:
    """Create a job of the run; one that was created before the run's last crash is found by its token."""
    entry = book.entries[kind]
    order = JobOrder(
        token=book.token(kind),
        description=f"{places.settings.prefix} backfill {book.run_id} {kind}",
        manifest=entry.manifest,
        variants=book.variants,
        before=book.started if book.anew else None,
        function_arn=book.function_arn,
        priority=places.settings.backfill.priority,
    )
    changed = book.with_entry(kind, Entry(manifest=entry.manifest, job_id=places.jobs().create(order)))
    places.shelf().save(changed)
    return changed


@task(cache_policy=NO_CACHE, retries=4, retry_delay_seconds=[2, 10, 30, 60], task_run_name="watch the {kind} job")
def watch_job(jobs: Jobs, job_id: str, kind: Kind, poll_seconds: float) -> tuple[JobProgress, list[Sample]]:
    """Look at a job until it ends, and show how far it is."""
    samples: list[Sample] = []
    shown: UUID | None = None
    while True:
        job = jobs.look(job_id)
        sample = Sample(at=datetime.now(UTC), kind=kind, status=job.status, succeeded=job.succeeded, failed=job.failed)
        if not samples or (sample.status, sample.succeeded, sample.failed) != (
            samples[-1].status,
            samples[-1].succeeded,
            samples[-1].failed,
        ):
            samples.append(sample)
            shown = _show(job, kind, shown)
        if job.has_ended:
            return job, samples
        time.sleep(poll_seconds)


def follow(places: BackfillPlaces, book: Book, kind: Kind) -> tuple[Book, JobProgress, list[Sample]]:
    """Have the run's job of a ``kind`` run to its end; return the book that knows it, and how it went."""
    if book.entries[kind].job_id is None:
        book = create_job(places, book, kind)
    job, samples = watch_job(places.jobs(), str(book.entries[kind].job_id), kind, places.settings.backfill.poll_seconds)
    return book, job, samples


def _show(job: JobProgress, kind: Kind, shown: UUID | None) -> UUID:
    done = job.succeeded + job.failed
    progress = 100 * done / job.total if job.total else 0.0
    told = f"{_TITLES[kind]}: {job.status}, {done:,} of {job.total:,}, {job.failed:,} failed"
    if shown is None:
        created = create_progress_artifact(progress=progress, key=f"backfill-{kind}", description=told)
        assert isinstance(created, UUID)  # noqa: S101 - a coroutine only where there is a loop
        return created
    update_progress_artifact(artifact_id=shown, progress=progress, description=told)
    return shown
