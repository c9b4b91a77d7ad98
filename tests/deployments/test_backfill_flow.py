"""The backfill flow on the local stack: every picture is accounted for after kills, failures and cancellation."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import boto3
import pytest
from backfill_originals import Picture, planted, recorded, writes
from deployment_runs import Prefect, refusal
from function_processes import workers
from lane import wait_until

from flows.backfill import backfill
from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.local.state import CHECKOUT
from infra.names import Names
from lambdas.core.keys import Variant
from operations.backfill.summary import BackfillReport

TENANT, NEW_RUNG = "demo", "1600x0.webp"
LOWER = [Variant(width, 0, "webp") for width in (256, 512, 1024)]
DAYS = {"first_day": date(2019, 1, 1), "last_day": date(2019, 12, 31)}  # no other test's pictures are as old

pytestmark = pytest.mark.usefixtures("flows_here")

COUNT = int(os.environ.get("BACKFILL_IMAGES", "60"))  # 500 by make faults


def asked(**changes: Any) -> dict[str, Any]:
    return {"tenant": TENANT, **DAYS, "variants": [NEW_RUNG], "page": False, **changes}


def run(**changes: Any) -> Any:
    return backfill(**asked(dry_run=False, **changes), return_state=True)


def report_of(state: Any) -> BackfillReport:
    report = state.result(raise_on_failure=False)
    assert isinstance(report, BackfillReport), state
    return report


@cache
def s3_control() -> Any:
    return boto3.Session().client("s3control")  # of its own session, for any thread


def jobs_of(run_id: str) -> list[dict[str, Any]]:
    listed = s3_control().list_jobs(AccountId=ACCOUNT)["Jobs"]
    return [job for job in listed if run_id in job.get("Description", "")]


def bucket_keys(stack: LocalStack) -> set[str]:
    listed = stack.client("s3").list_objects_v2(Bucket=stack.parameter("backfill-bucket"))
    return {item["Key"] for item in listed.get("Contents", [])}


def function(stack: LocalStack) -> str:
    return Names(stack.settings, ACCOUNT).function("backfill")


@contextmanager
def concurrency(stack: LocalStack, executions: int) -> Iterator[None]:
    client, name = stack.client("lambda"), function(stack)
    before = client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"]
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=executions)
    try:
        yield
    finally:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=before)


def assert_whole(stack: LocalStack, pictures: list[Picture], report: BackfillReport) -> None:
    """Assert that every picture has one outcome and none was drawn twice."""
    broken = {picture.image_id for picture in pictures if picture.broken}
    tally = report.tally
    assert tally
    assert tally.made + tally.kept + tally.failed + tally.untried == tally.images == len(pictures)
    assert (tally.failed, tally.untried) == (len(broken), 0)
    assert {failure.key.rpartition("/")[2] for failure in report.failures} == broken
    assert all(failure.reason.startswith("corrupt: ") for failure in report.failures)
    made = recorded(stack, pictures)
    for image_id, count in writes(stack, pictures, NEW_RUNG).items():
        assert count == (image_id not in broken), image_id
        assert (NEW_RUNG in made[image_id]) is (image_id not in broken)
        assert {str(each) for each in LOWER} <= set(made[image_id])


def test_a_dry_run_counts_and_makes_nothing(stack: LocalStack) -> None:
    before = bucket_keys(stack)
    with planted(stack, TENANT, "2019-03-01", 6, made=LOWER):
        state: Any = backfill(**asked(), return_state=True)
        assert state.is_completed()
        assert re.match(r"dry run: 6 pictures, 6 derivatives, about 1 s and 0\.25 USD; nothing was made", state.message)
    assert bucket_keys(stack) == before


@pytest.mark.faults
def test_a_new_rung_with_the_flow_and_a_worker_killed(stack: LocalStack) -> None:
    count, canary = COUNT, COUNT // 5
    with planted(stack, TENANT, "2019-05-05", count, broken=count // 50, made=LOWER) as pictures:
        command = [sys.executable, "-m", "flows.backfill", "--tenant", TENANT, "--variants", NEW_RUNG, "--no-dry-run"]
        command += ["--first-day", "2019-01-01", "--last-day", "2019-12-31", "--canary", str(canary), "--no-page"]
        flow = subprocess.Popen(command, cwd=CHECKOUT, env=os.environ, stdout=subprocess.DEVNULL)
        try:
            main = await_job(stack, flow, "main")
            wait_until(lambda: kill_workers(stack), "a worker to kill")
        finally:
            flow.kill()
            flow.wait()

        state = run(canary=canary)

        report = report_of(state)
        assert state.name == "Incomplete"
        assert [job.kind for job in report.jobs] == ["canary", "main", "retry"]
        assert report.jobs[1].job_id == main["JobId"]
        assert len(jobs_of(report.run_id)) == 3, "expected no second job of any kind"
        assert_whole(stack, pictures, report)

        left: Any = backfill(**asked(), return_state=True)
        assert report_of(left).images == count // 50, "expected only those that failed to be left"


def await_job(stack: LocalStack, flow: "subprocess.Popen[bytes]", kind: str) -> dict[str, Any]:
    """Wait for the job of a ``kind`` that a flow makes; return it."""
    client = s3_control()
    before = {job["JobId"] for job in client.list_jobs(AccountId=ACCOUNT)["Jobs"]}

    def found() -> list[dict[str, Any]]:
        assert flow.poll() is None, "expected the flow to be at work"
        listed = client.list_jobs(AccountId=ACCOUNT)["Jobs"]
        return [job for job in listed if job["JobId"] not in before and job["Description"].endswith(f" {kind}")]

    wait_until(found, f"the {kind} job")
    return found()[0]


def kill_workers(stack: LocalStack) -> int:
    """Kill the function's workers; return how many there were."""
    found = workers(stack, function(stack))
    for worker in found:
        worker.kill()
    return len(found)


def test_a_failed_canary_stops_the_run(stack: LocalStack) -> None:
    with planted(stack, TENANT, "2019-06-06", 12, broken=12, made=LOWER) as pictures:
        state = run(canary=4)
        report = report_of(state)
        assert state.is_failed()
        assert (
            "stopped after the canary: 4 of its 4 pictures failed, more than 10%; the first: corrupt: " in state.message
        )
        assert report.tally
        assert (report.tally.failed, report.tally.untried) == (4, 8)
        assert [job["Description"].rpartition(" ")[2] for job in jobs_of(report.run_id)] == ["canary"]
        assert set(writes(stack, pictures, NEW_RUNG).values()) == {0}


def test_throttling_fails_no_picture(stack: LocalStack) -> None:
    before = throttles(stack)
    with planted(stack, TENANT, "2019-07-07", 10, made=LOWER) as pictures, concurrency(stack, 1):
        report = report_of(run())
        assert_whole(stack, pictures, report)
    assert throttles(stack) > before


def test_a_cancelled_job_ends_the_run_with_every_picture_counted(stack: LocalStack) -> None:
    def cancel_when_at_work() -> None:
        wait_until(lambda: at_work("canary"), "the job to be at work")
        s3_control().update_job_status(
            AccountId=ACCOUNT,
            JobId=at_work("canary")[0]["JobId"],
            RequestedJobStatus="Cancelled",
            StatusUpdateReason="no longer needed",
        )

    with planted(stack, TENANT, "2019-10-10", 6, made=LOWER), concurrency(stack, 0), ThreadPoolExecutor(1) as somebody:
        cancelled = somebody.submit(cancel_when_at_work)
        state = run(canary=3)
        cancelled.result()
    assert state.is_failed()
    assert re.match(r"the canary job \S+ ended as Cancelled \(no longer needed\); 6 pictures: .*6 not", state.message)
    assert [job.kind for job in report_of(state).jobs] == ["canary"]


def at_work(kind: str) -> list[dict[str, Any]]:
    return [job for job in jobs_of(kind) if job["Status"] == "Active"]


def throttles(stack: LocalStack) -> float:
    """Return how often the function was throttled until now."""
    answer = stack.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda", MetricName="Throttles", Statistics=["Sum"], Period=86_400,
        Dimensions=[{"Name": "FunctionName", "Value": function(stack)}],
        StartTime=datetime(2000, 1, 1, tzinfo=UTC), EndTime=datetime(2100, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    return float(sum(point["Sum"] for point in answer["Datapoints"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tenant": "nobody"}, "expected a tenant of demo, studio but received 'nobody'"),
        ({"variants": ["1601x0.webp"]}, r"expected a width of \[64, 128, 256, 512, 1024, 1600, 2560\]"),
        ({"images": ["cat.jpg"]}, "expected .* for an image id but received 'cat.jpg'"),
        ({"first_day": date(2020, 1, 1)}, "expected a last day on or after 2020-01-01 but received 2019-12-31"),
        ({"token": "no spaces"}, "hyphens for a token but received 'no spaces'"),
        ({"stage": "staging"}, "stage 'staging' has none: deploy it"),
    ],
)
def test_invalid_parameters_are_refused_before_anything_is_created(
    stack: LocalStack, changes: dict[str, Any], message: str
) -> None:
    before = bucket_keys(stack)
    state = refusal(backfill, **asked(dry_run=False, **changes))
    assert state.is_failed()
    assert re.search(message, state.message), state.message
    assert bucket_keys(stack) == before


def test_an_empty_selection_is_nothing_to_do(stack: LocalStack) -> None:
    before = bucket_keys(stack)
    state = run()
    assert (state.type.value, state.name) == ("COMPLETED", "NothingToDo")
    assert state.message == f"nothing to do: no picture of {TENANT} needs {NEW_RUNG}"
    assert bucket_keys(stack) == before


def test_from_its_deployment_to_its_page_and_cancelled(stack: LocalStack, served: Prefect) -> None:
    parameters = json.loads(json.dumps(asked(dry_run=False), default=str))
    with planted(stack, TENANT, "2019-08-08", 5, broken=1, made=LOWER) as pictures:
        ended = served.run("backfill/on-demand", parameters | {"page": True})
        assert ended["state"]["name"] == "Incomplete", ended["state"]["message"]
        artifacts = served.artifacts(ended["id"])
        assert {"backfill", "backfill-failures", "backfill-canary", "backfill-page"} <= artifacts.keys()
        assert artifacts["backfill-canary"]["data"] == 100
        rows = json.loads(artifacts["backfill-failures"]["data"])
        assert [row["original"] for row in rows] == [str(each.key) for each in pictures if each.broken]
        page = re.search(r"report: s3://([^/]+)/(\S+)", ended["state"]["message"])
        assert page
        body = stack.client("s3").get_object(Bucket=page[1], Key=page[2])["Body"].read().decode()
        assert "5 pictures: 4 drawn (4 derivatives), 0 already complete, 1 failed" in body

    with planted(stack, TENANT, "2019-09-09", 8, made=LOWER) as pictures, concurrency(stack, 0):
        flow_run = served.start("backfill/on-demand", parameters)
        wait_until(lambda: at_work("canary"), "the job to be at work")
        (job,) = at_work("canary")
        served.cancel(flow_run)
        wait_until(lambda: jobs_of(job["Description"])[0]["Status"] == "Cancelled", "the job to be cancelled")
        assert set(writes(stack, pictures, NEW_RUNG).values()) == {0}
        wait_until(
            lambda: not [key for key in bucket_keys(stack) if re.fullmatch(r"runs/[^/]+", key)],
            "the state to be closed",
        )
