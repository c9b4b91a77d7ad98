"""Runs jobs one at a time: the highest priority first, among equals the oldest."""

import logging
import threading
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.s3_batch.job import Job, PreparationError, Task
from infra.local.s3_batch.running import Hands, finish, run
from infra.local.s3_batch.store import JobStore

_log = logging.getLogger(__name__)
Prepare = Callable[[Job], list[Task]]


class Scheduler:
    """Two threads: one prepares jobs, one runs them, one at a time.

    Args:
        store: where the jobs are.
        prepare: returns a job's tasks.
        hands: returns clients with a job's role.
    """

    def __init__(self, store: JobStore, prepare: Prepare, hands: Callable[[Job], Hands]) -> None:
        self._store, self._prepare, self._hands = store, prepare, hands

    def start(self) -> None:
        """Start both threads; they end with the process."""
        for work in (self._prepare_all, self._run_all):
            threading.Thread(target=work, daemon=True).start()

    def _prepare_all(self) -> None:
        while True:
            job = self._next(lambda job: job.status == "New")
            if self._store.move(job.id, ["New"], "Preparing"):
                self._prepare_one(job)

    def _prepare_one(self, job: Job) -> None:
        try:
            self._store.set_tasks(job.id, self._prepare(job))
        except PreparationError as error:
            self._store.move(job.id, ["Preparing"], "Failed", failure=(error.code, str(error)))
        except (ClientError, BotoCoreError) as error:
            self._store.move(job.id, ["Preparing"], "Failed", failure=("AccessDenied", str(error)))
        except Exception as error:  # the next job must not wait forever
            _log.exception("job %s could not be prepared", job.id)
            self._store.move(job.id, ["Preparing"], "Failed", failure=("InternalError", repr(error)))
        else:
            confirmed = not job.request.get("ConfirmationRequired")
            self._store.move(job.id, ["Preparing"], "Ready" if confirmed else "Suspended")

    def _run_all(self) -> None:
        while True:
            job = self._next(lambda job: job.status in ("Ready", "Paused", "Cancelling"))
            try:
                if self._store.get(job.id).status == "Cancelling":  # cancelled before it ran, or before a restart
                    finish(self._store, job.id, self._hands(job))
                elif self._store.move(job.id, ["Ready", "Paused"], "Active"):
                    run(self._store, job.id, self._hands(job), self._is_outranked)
            except Exception as error:  # the next job must not wait forever
                _log.exception("job %s could not be run", job.id)
                self._store.update(job.id, status="Failed", failure=("InternalError", repr(error)))

    def _is_outranked(self, running: Job) -> bool:
        return any(job.status == "Ready" and job.priority > running.priority for job in self._store.all())

    def _next(self, fits: Callable[[Job], bool]) -> Job:
        with self._store.changed:
            while True:
                found = [job for job in self._store.all() if fits(job)]
                if found:
                    return min(found, key=lambda job: (job.status != "Cancelling", -job.priority, job.created, job.id))
                self._store.changed.wait()
