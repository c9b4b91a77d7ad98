"""One running job: its tasks invoked side by side, counted, retried and reported."""

import json
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.s3_batch.job import Job, Task, TaskResult
from infra.local.s3_batch.report import write_report
from infra.local.s3_batch.store import JobStore

_BUSY = frozenset({"TooManyRequestsException", "ServiceException", "EC2ThrottledException"})
_LONGEST_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an invocation. ``Throttled``: the function was not run."""

    code: Literal["Succeeded", "TemporaryFailure", "PermanentFailure", "Throttled"]
    message: str


def invoke(client: Any, job: Job, number: int, task: Task) -> Outcome:
    """Invoke the function of ``job`` for ``task``, the manifest's ``number``-th."""
    operation = job.request["Operation"]["LambdaInvoke"]
    event = _event(job, operation, number, task)
    try:
        answer = client.invoke(FunctionName=operation["FunctionArn"], Payload=json.dumps(event))
    except ClientError as error:
        busy = error.response["Error"]["Code"] in _BUSY
        return Outcome("Throttled" if busy else "PermanentFailure", str(error))
    except BotoCoreError as error:
        return Outcome("TemporaryFailure", str(error))
    payload = answer["Payload"].read().decode("utf-8", "replace")
    if "FunctionError" in answer:
        return Outcome("TemporaryFailure", f"Lambda returned function error: {payload}"[:_LONGEST_MESSAGE])
    return _outcome(payload, event["tasks"][0]["taskId"])


def _event(job: Job, operation: dict[str, Any], number: int, task: Task) -> dict[str, Any]:
    version = operation.get("InvocationSchemaVersion", "1.0")
    described: dict[str, Any] = {"id": job.id}
    named = {"taskId": f"{job.id}.{number}", "s3Key": task.key, "s3VersionId": task.version_id}
    if version == "1.0":
        named["s3BucketArn"] = f"arn:aws:s3:::{task.bucket}"
    else:
        described["userArguments"] = operation.get("UserArguments", {})
        named["s3Bucket"] = task.bucket
    return {
        "invocationSchemaVersion": version,
        "invocationId": f"{job.id}/{number}",
        "job": described,
        "tasks": [named],
    }


def _outcome(payload: str, task_id: str) -> Outcome:
    try:
        returned = json.loads(payload)
        found = next((each for each in returned["results"] if each["taskId"] == task_id), None)
        if found is None:
            return _coded(
                returned.get("treatMissingKeysAs", "TemporaryFailure"), "The function said nothing of the task"
            )
        return _coded(found["resultCode"], str(found.get("resultString", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Outcome(
            "PermanentFailure", f"Lambda returned no answer of S3 Batch Operations: {payload}"[:_LONGEST_MESSAGE]
        )


def _coded(code: str, message: str) -> Outcome:
    if code == "Succeeded":
        return Outcome("Succeeded", message)
    if code == "TemporaryFailure":
        return Outcome("TemporaryFailure", message)
    if code == "PermanentFailure":
        return Outcome("PermanentFailure", message)
    return Outcome("PermanentFailure", f"Lambda returned the unknown code {code!r}")


# AWS documents neither how often nor when; these are ours.
_TRIES = 4
_REST_SECONDS = 0.5  # before temporary failures are retried
_BUSY_SECONDS, _BUSIEST_SECONDS = 0.05, 2.0
_LOOK_SECONDS = 0.5  # for changes of status, however long tasks take
_AT_ONCE = 2 * (os.cpu_count() or 1)

_log = logging.getLogger(__name__)


class Hands(Protocol):
    """What a job acts with: clients with its role's credentials."""

    def invoke(self, number: int, task: Task) -> Outcome:
        """Hand a task to the job's function."""

    @property
    def s3(self) -> Any:
        """A client for the report."""


def run(store: JobStore, job_id: str, hands: Hands, must_yield: Callable[[Job], bool]) -> None:
    """Run an ``Active`` job until it ends, is cancelled, or a job of a higher priority waits."""
    _Run(store, job_id, hands, must_yield).run()


class _Run:
    def __init__(self, store: JobStore, job_id: str, hands: Hands, must_yield: Callable[[Job], bool]) -> None:
        self._store, self._id, self._hands, self._must_yield = store, job_id, hands, must_yield
        self._tasks = store.tasks(job_id)
        over = {result.number for result in store.results(job_id)}
        self._waiting = deque(number for number in range(len(self._tasks)) if number not in over)
        self._again: deque[int] = deque()
        self._tries: dict[int, int] = {}
        self._seconds = store.get(job_id).active_seconds
        self._since = time.monotonic()

    def run(self) -> None:
        under_way: dict[Future[Outcome], int] = {}
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            while self._goes_on() and (self._waiting or self._again or under_way):
                if not self._waiting and not under_way:
                    time.sleep(_REST_SECONDS)
                    self._waiting, self._again = self._again, deque()
                while self._waiting and len(under_way) < _AT_ONCE:
                    number = self._waiting.popleft()
                    under_way[threads.submit(self._invoke, number)] = number
                self._collect(under_way, wait(under_way, _LOOK_SECONDS, FIRST_COMPLETED).done)
            self._collect(under_way, wait(under_way).done)
        self._end()

    def _goes_on(self) -> bool:
        """Check for changes of status and for too many failures."""
        job = self._store.update(self._id, active_seconds=self._active_seconds())
        if job.status == "Active" and job.progress.is_failing:
            self._store.move(self._id, ["Active"], "Failing")
        elif job.status == "Active" and self._must_yield(job):
            self._store.move(self._id, ["Active"], "Pausing")
        return self._store.get(self._id).status == "Active"

    def _invoke(self, number: int) -> Outcome:
        """Invoke the function, retried while it is throttled, unless the job stops."""
        seconds = _BUSY_SECONDS
        while True:
            outcome = self._hands.invoke(number, self._tasks[number])
            if outcome.code != "Throttled" or self._store.get(self._id).status != "Active":
                return outcome
            time.sleep(seconds)
            seconds = min(2 * seconds, _BUSIEST_SECONDS)

    def _collect(self, under_way: dict[Future[Outcome], int], done: set[Future[Outcome]]) -> None:
        for future in done:
            number, outcome = under_way.pop(future), future.result()
            if outcome.code == "Throttled":  # the job stopped before its turn
                self._waiting.append(number)
                continue
            self._tries[number] = self._tries.get(number, 0) + 1
            if outcome.code == "TemporaryFailure" and self._tries[number] < _TRIES:
                self._again.append(number)
                continue
            result = TaskResult(number=number, succeeded=outcome.code == "Succeeded", message=outcome.message)
            self._store.end_task(self._id, result)

    def _end(self) -> None:
        self._store.update(self._id, active_seconds=self._active_seconds())
        if self._store.move(self._id, ["Pausing"], "Paused"):
            return
        if self._store.get(self._id).progress.is_failing:
            self._store.move(self._id, ["Active"], "Failing")
        self._store.move(self._id, ["Active"], "Completing")
        finish(self._store, self._id, self._hands)

    def _active_seconds(self) -> float:
        return self._seconds + time.monotonic() - self._since


def finish(store: JobStore, job_id: str, hands: Hands) -> None:
    """Write the report of a job that is completing, failing or being cancelled, and end it."""
    job = store.get(job_id)
    try:
        results = store.results(job_id)
        write_report(hands.s3, job, store.tasks(job_id) if results else [], results)
    except (ClientError, BotoCoreError) as error:
        _log.warning("job %s: no report: %s", job_id, error)
        failure = ("ReportCreationFailed", f"The completion report could not be written: {error}")
        store.move(job_id, ["Completing", "Failing"], "Failed", failure=failure)
    threshold = ("JobFailureThresholdExceeded", "More than half of at least 1,000 tasks failed")
    store.move(job_id, ["Completing"], "Complete")
    store.move(job_id, ["Failing"], "Failed", failure=threshold)
    store.move(job_id, ["Cancelling"], "Cancelled")
