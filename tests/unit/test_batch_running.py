"""Jobs of the local S3 Batch Operations at work: counts, retries, thresholds, priorities, kills; no AWS."""

import csv
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.local.s3_batch import running
from infra.local.s3_batch.job import Job, Progress, Status, Task
from infra.local.s3_batch.running import Outcome, run
from infra.local.s3_batch.store import JobStore

Behaviour = Callable[[int, int], Outcome]
GOOD = Outcome("Succeeded", "done")
NEVER = Outcome("PermanentFailure", "broken")
LATER = Outcome("TemporaryFailure", "not now")
BUSY = Outcome("Throttled", "busy")


class Bucket:
    """What the report is written to."""

    def __init__(self) -> None:
        self.objects: dict[str, str] = {}

    def put_object(self, Bucket: str, Key: str, Body: bytes, **_other: Any) -> None:  # noqa: N803
        self.objects[f"{Bucket}/{Key}"] = Body.decode()

    def report(self, job_id: str) -> dict[str, list[list[str]]]:
        """Return the rows of each kind."""
        manifest = json.loads(self.objects[f"papers/reports/job-{job_id}/manifest.json"])
        assert manifest["Format"] == "Report_CSV_20180820"
        return {
            each["TaskExecutionStatus"]: list(csv.reader(self.objects[f"{each['Bucket']}/{each['Key']}"].splitlines()))
            for each in manifest["Results"]
        }


class Hands:
    """A function that behaves as told by the number of a task and of its try, from 1."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.s3 = Bucket()
        self.tries: dict[int, int] = {}
        self._behaviour = behaviour
        self._lock = threading.Lock()

    def invoke(self, number: int, _task: Task) -> Outcome:
        with self._lock:
            self.tries[number] = self.tries.get(number, 0) + 1
            tried = self.tries[number]
        return self._behaviour(number, tried)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_REST_SECONDS", 0)
    monkeypatch.setattr(running, "_BUSY_SECONDS", 0.001)


def store_with(folder: Path, tasks: int, scope: str = "AllTasks", status: Status = "Active") -> JobStore:
    store = JobStore(folder)
    report = {"Enabled": True, "Bucket": "arn:aws:s3:::papers", "Prefix": "reports", "ReportScope": scope}
    request = {"AccountId": "0" * 12, "Report": report | {"Format": "Report_CSV_20180820"}, "RoleArn": "r"}
    store.add(Job(id="j", region="us-east-1", request=request, created=datetime.now(UTC), status=status, priority=1))
    store.set_tasks("j", [Task(bucket="b", key=f"k%20{number}") for number in range(tasks)])
    return store


def work(store: JobStore, behaviour: Behaviour, must_yield: Callable[[Job], bool] = lambda _job: False) -> Hands:
    hands = Hands(behaviour)
    run(store, "j", hands, must_yield)
    return hands


def counts(store: JobStore) -> tuple[Status, int, int]:
    job = store.get("j")
    return job.status, job.progress.succeeded, job.progress.failed


def test_every_task_is_counted_and_reported(tmp_path: Path) -> None:
    store = store_with(tmp_path, 30)
    hands = work(store, lambda number, _: NEVER if number % 10 == 0 else GOOD)
    assert counts(store) == ("Complete", 27, 3)
    report = hands.s3.report("j")
    assert {kind: len(rows) for kind, rows in report.items()} == {"succeeded": 27, "failed": 3}
    # As AWS writes them: the status before the code, whatever the schema says.
    assert ["b", "k%200", "", "failed", "200", "PermanentFailure", "broken"] in report["failed"]
    assert ["b", "k%201", "", "succeeded", "200", "", "done"] in report["succeeded"]
    assert set(hands.tries.values()) == {1}


def test_a_report_of_failures_alone(tmp_path: Path) -> None:
    store = store_with(tmp_path, 3, scope="FailedTasksOnly")
    hands = work(store, lambda number, _: NEVER if number == 0 else GOOD)
    assert hands.s3.report("j").keys() == {"failed"}


def test_temporary_failures_are_retried_a_few_times(tmp_path: Path) -> None:
    store = store_with(tmp_path, 3)
    hands = work(store, lambda number, tried: LATER if number == 0 or (number == 1 and tried == 1) else GOOD)
    assert counts(store) == ("Complete", 2, 1)
    assert hands.tries == {0: 4, 1: 2, 2: 1}
    assert hands.s3.report("j")["failed"][0][-1] == "not now"


def test_throttling_fails_no_task_however_long_it_lasts(tmp_path: Path) -> None:
    store = store_with(tmp_path, 2)
    hands = work(store, lambda _, tried: BUSY if tried < 9 else GOOD)
    assert counts(store) == ("Complete", 2, 0)
    assert hands.tries == {0: 9, 1: 9}


def test_a_job_that_fails_over_half_its_tasks_stops_after_a_thousand(tmp_path: Path) -> None:
    store = store_with(tmp_path, 1500)
    hands = work(store, lambda number, _: NEVER if number % 5 else GOOD)
    status, succeeded, failed = counts(store)
    assert status == "Failed"
    assert 1000 <= succeeded + failed < 1500
    assert len(hands.s3.report("j")["failed"]) == failed
    failure = store.get("j").failure
    assert failure and failure[0] == "JobFailureThresholdExceeded"


@pytest.mark.parametrize(
    ("succeeded", "failed", "failing"), [(499, 500, False), (500, 500, False), (499, 501, True), (0, 999, False)]
)
def test_the_threshold(succeeded: int, failed: int, failing: bool) -> None:
    assert Progress(total=5000, succeeded=succeeded, failed=failed).is_failing is failing


def test_a_cancelled_job_reports_what_it_did(tmp_path: Path) -> None:
    store = store_with(tmp_path, 200)

    def cancel_at_the_tenth(number: int, _tried: int) -> Outcome:
        if number == 10:
            store.move("j", ["Active"], "Cancelling")
        return GOOD

    hands = work(store, cancel_at_the_tenth)
    status, succeeded, _failed = counts(store)
    assert status == "Cancelled"
    assert 10 <= succeeded < 200
    assert len(hands.s3.report("j")["succeeded"]) == succeeded


def test_a_job_pauses_for_a_higher_priority_and_resumes(tmp_path: Path) -> None:
    store = store_with(tmp_path, 50)
    first = work(store, lambda *_: GOOD, must_yield=lambda job: job.progress.succeeded >= 10)
    assert store.get("j").status == "Paused"
    assert not first.s3.objects
    store.move("j", ["Paused"], "Active")
    second = work(store, lambda *_: GOOD)
    assert counts(store) == ("Complete", 50, 0)
    assert not first.tries.keys() & second.tries.keys()


@pytest.mark.parametrize(
    ("before", "after"), [("Active", "Ready"), ("Preparing", "New"), ("Pausing", "Paused"), ("Suspended", "Suspended")]
)
def test_after_a_kill_a_job_resumes_with_unfinished_tasks(tmp_path: Path, before: Status, after: Status) -> None:
    store = store_with(tmp_path, 20, status=before)
    store.end_task("j", running.TaskResult(number=3, succeeded=False, message="broken"))
    with (tmp_path / "j.results.jsonl").open("a") as file:
        file.write('{"number": 4, "succ')  # the kill came in the middle of a line
    again = JobStore(tmp_path)
    assert (again.get("j").status, again.get("j").progress) == (after, Progress(total=20, failed=1))
    again.update("j", status="Active")
    hands = work(again, lambda *_: GOOD)
    assert counts(again) == ("Complete", 19, 1)
    assert hands.tries.keys() == set(range(20)) - {3}


def test_a_report_that_cannot_be_written_fails_the_job(tmp_path: Path) -> None:
    from botocore.exceptions import ClientError

    store, hands = store_with(tmp_path, 2), Hands(lambda *_: GOOD)

    def refuse(**_request: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")

    hands.s3.put_object = refuse  # type: ignore[assignment]
    run(store, "j", hands, lambda _job: False)
    failure = store.get("j").failure
    assert store.get("j").status == "Failed"
    assert failure and failure[0] == "ReportCreationFailed"
