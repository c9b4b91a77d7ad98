"""Jobs on disk: requests, tasks and results, safe against a killed process."""

import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local.s3_batch.job import ENDED, Job, Progress, Status, Task, TaskResult, no_such_job

# The status from which a job resumes after this process was killed; others are kept.
_AFTER_A_KILL: dict[Status, Status] = {
    "Preparing": "New", "Active": "Ready", "Completing": "Ready", "Failing": "Ready", "Pausing": "Paused",
}  # fmt: skip


class JobStore:
    """The jobs in one folder: a file for each, one for its tasks, and one to which every ended task is appended."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.RLock()
        self.changed = threading.Condition(self._lock)
        """Notified whenever a job's state changes."""
        self._jobs = {job.id: job for job in map(self._read, sorted(folder.glob("*.job.json")))}

    def add(self, job: Job) -> None:
        """Keep a new job."""
        with self.changed:
            self._save(job)

    def get(self, job_id: str) -> Job:
        """Return a job as it is now.

        Raises:
            BatchError: there is none.
        """
        with self._lock:
            if job_id not in self._jobs:
                raise no_such_job(job_id)
            return self._jobs[job_id]

    def all(self) -> list[Job]:
        """Return every job, the newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: (job.created, job.id), reverse=True)

    def update(self, job_id: str, **changes: Any) -> Job:
        """Change a job, and return it."""
        with self.changed:
            if changes.get("status") in ENDED:
                changes["ended"] = datetime.now(UTC)
            changed = self.get(job_id).model_copy(update=changes)
            self._save(changed)
            return changed

    def move(self, job_id: str, before: Iterable[Status], after: Status, **changes: Any) -> bool:
        """Put a job into the state ``after`` if it is in one of ``before``; return whether it was."""
        with self.changed:
            if self.get(job_id).status not in before:
                return False
            self.update(job_id, status=after, **changes)
            return True

    def set_tasks(self, job_id: str, tasks: Iterable[Task]) -> None:
        """Write down a job's tasks, once."""
        count = 0
        part = self._path(job_id, "tasks.part")
        with part.open("w", encoding="utf-8") as file:
            for count, task in enumerate(tasks, 1):  # noqa: B007
                file.write(task.model_dump_json() + "\n")
        part.replace(self._path(job_id, "tasks.jsonl"))
        self.update(job_id, progress=Progress(total=count))

    def tasks(self, job_id: str) -> list[Task]:
        """Return a job's tasks, in the order of its manifest."""
        return [Task.model_validate_json(line) for line in _lines(self._path(job_id, "tasks.jsonl"))]

    def end_task(self, job_id: str, result: TaskResult) -> Progress:
        """Keep the result of a task, and return its job's progress."""
        with self._lock:
            with self._path(job_id, "results.jsonl").open("a", encoding="utf-8") as file:
                file.write(result.model_dump_json() + "\n")
            job = self.get(job_id)
            progress = _add(job.progress, result)
            self._jobs[job_id] = job.model_copy(update={"progress": progress})  # saved with the next change of state
            return progress

    def results(self, job_id: str) -> list[TaskResult]:
        """Return the results of the tasks that have ended."""
        path = self._path(job_id, "results.jsonl")
        return [TaskResult.model_validate_json(line) for line in _lines(path)] if path.exists() else []

    def _read(self, path: Path) -> Job:
        job = Job.model_validate_json(path.read_text(encoding="utf-8"))
        _cut_half_line(self._path(job.id, "results.jsonl"))
        progress = Progress(total=job.progress.total)
        for result in self.results(job.id):
            progress = _add(progress, result)
        status = _AFTER_A_KILL.get(job.status, job.status)
        return job.model_copy(update={"progress": progress, "status": status})

    def _save(self, job: Job) -> None:
        part = self._path(job.id, "job.part")
        part.write_text(job.model_dump_json(indent=1), encoding="utf-8")
        part.replace(self._path(job.id, "job.json"))
        self._jobs[job.id] = job
        self.changed.notify_all()

    def _path(self, job_id: str, kind: str) -> Path:
        return self._folder / f"{job_id}.{kind}"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def _cut_half_line(path: Path) -> None:
    """Remove the incomplete line of a process that was killed while writing."""
    if path.exists():
        written = path.read_bytes()
        path.write_bytes(written[: written.rfind(b"\n") + 1])


def _add(progress: Progress, result: TaskResult) -> Progress:
    counted = "succeeded" if result.succeeded else "failed"
    return progress.model_copy(update={counted: getattr(progress, counted) + 1})
