"""The state of a run and its jobs: begun once, resumed, cancelled."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from operations.backfill.jobs import JobOrder, Jobs
from operations.backfill.manifests import Manifest
from operations.backfill.run_state import RunJob, RunState, RunStates

MANIFEST = Manifest(bucket="backfill", key="manifests/m.csv", etag='"e"', tasks=3)
ACCOUNT = "1" * 12


class Bucket:
    """The operations of S3 that run states need."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, Bucket: str, Key: str, Body: str, IfNoneMatch: str | None = None) -> None:  # noqa: N803
        assert Bucket == "backfill"
        if IfNoneMatch and Key in self.objects:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.objects[Key] = Body.encode()

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "backfill"
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803
        assert Bucket == "backfill"
        self.objects.pop(Key, None)


def state(minute: int = 0) -> RunState:
    return RunState(
        name="digest",
        started=datetime(2026, 11, 25, 12, minute, tzinfo=UTC),
        function_arn="arn:aws:lambda:us-east-1:111111111111:function:f:1",
        variants=("256x0.avif",),
        images=3,
        derivatives=3,
        estimated_seconds=1,
        estimated_usd=1,
        jobs={"canary": RunJob(manifest=MANIFEST)},
    )


def test_concurrent_runs_share_the_first_state() -> None:
    states: Any = RunStates(Bucket(), "backfill")  # type: ignore[arg-type]
    assert states.find("digest") is None
    first, second = states.begin(state(0)), states.begin(state(1))
    assert first == second == states.find("digest") == state(0)


def test_a_closed_state_makes_room_for_the_next_run() -> None:
    states: Any = RunStates(Bucket(), "backfill")  # type: ignore[arg-type]
    begun = states.begin(state(0)).with_job("canary", RunJob(manifest=MANIFEST, job_id="j"))
    states.save(begun)
    assert states.find("digest") == begun
    states.close(begun)
    assert states.find("digest") is None
    assert states.begin(state(1)) == state(1)


def test_tokens_are_unique_and_short_enough() -> None:
    longest = state().model_copy(update={"name": "x" * 30})
    tokens = {longest.token(kind) for kind in ("canary", "main", "retry")} | {state(1).token("main")}
    assert len(tokens) == 4
    assert max(map(len, tokens)) <= 64


@pytest.fixture
def stubbed() -> Iterator[tuple[Jobs, Stubber]]:
    client = boto3.client("s3control", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stubber:
        yield Jobs(client, f"arn:aws:iam::{ACCOUNT}:role/jobs", "backfill"), stubber
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("before", "argument"),
    [(None, {}), (datetime(2026, 11, 25, 12, tzinfo=UTC), {"before": "2026-11-25T12:00:00+00:00"})],
)
def test_the_request_that_creates_a_job(
    stubbed: tuple[Jobs, Stubber], before: datetime | None, argument: dict[str, str]
) -> None:
    jobs, stubber = stubbed
    order = JobOrder(
        token="t", description="d", manifest=MANIFEST, before=before, variants=("256x0.avif", "512x0.avif"), priority=7,
        function_arn="arn:aws:lambda:us-east-1:111111111111:function:f:1",
    )  # fmt: skip
    stubber.add_response(
        "create_job",
        {"JobId": "12345"},
        {
            "AccountId": ACCOUNT,
            "ClientRequestToken": "t",
            "ConfirmationRequired": False,
            "Description": "d",
            "Operation": {
                "LambdaInvoke": {
                    "FunctionArn": order.function_arn,
                    "InvocationSchemaVersion": "2.0",
                    "UserArguments": {"variants": "256x0.avif 512x0.avif", **argument},
                }
            },
            "Manifest": {
                "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                "Location": {"ObjectArn": "arn:aws:s3:::backfill/manifests/m.csv", "ETag": '"e"'},
            },
            "Report": {
                "Enabled": True, "Bucket": "arn:aws:s3:::backfill", "Prefix": "reports",
                "Format": "Report_CSV_20180820", "ReportScope": "AllTasks",
            },
            "Priority": 7,
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/jobs",
        },
    )  # fmt: skip
    assert jobs.create(order) == "12345"


def described(status: str, **fields: Any) -> dict[str, Any]:
    return {"Job": {"JobId": "12345", "Status": status, **fields}}


def test_a_failed_job_has_reasons(stubbed: tuple[Jobs, Stubber]) -> None:
    jobs, stubber = stubbed
    reasons = [{"FailureCode": "InvalidManifest", "FailureReason": "another ETag"}]
    summary = {"TotalNumberOfTasks": 9, "NumberOfTasksSucceeded": 5, "NumberOfTasksFailed": 4}
    stubber.add_response("describe_job", described("Failed", FailureReasons=reasons, ProgressSummary=summary))
    job = jobs.progress("12345")
    assert job.has_ended
    assert (job.total, job.succeeded, job.failed, job.reasons) == (9, 5, 4, ("InvalidManifest: another ETag",))


def test_an_ended_job_is_not_cancelled(stubbed: tuple[Jobs, Stubber]) -> None:
    jobs, stubber = stubbed
    stubber.add_response("describe_job", described("Complete"))
    assert jobs.cancel("12345", "enough") is False


@pytest.mark.parametrize("ends_in_between", [True, False])
def test_an_active_job_is_cancelled_unless_it_ends_first(stubbed: tuple[Jobs, Stubber], ends_in_between: bool) -> None:
    jobs, stubber = stubbed
    stubber.add_response("describe_job", described("Active"))
    if ends_in_between:
        stubber.add_client_error("update_job_status", "JobStatusException")
    else:
        stubber.add_response("update_job_status", {"JobId": "12345", "Status": "Cancelling"})
    assert jobs.cancel("12345", "enough") is not ends_in_between


def test_other_errors_are_raised(stubbed: tuple[Jobs, Stubber]) -> None:
    jobs, stubber = stubbed
    stubber.add_client_error("describe_job", "NoSuchJob")
    with pytest.raises(ClientError, match="NoSuchJob"):
        jobs.cancel("12345", "enough")
