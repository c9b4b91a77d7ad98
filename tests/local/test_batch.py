"""The local S3 Batch Operations, called by boto3's own client, over the backfill's real function."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from lane import wait_until

from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack

ENDED = ("Complete", "Failed", "Cancelled")
NOBODY = [f"demo/2026-01-01/{number:032x}" for number in range(4)]  # no image has such an id: each task fails


@pytest.fixture
def control(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Any:
    """boto3's client as a flow makes it: nothing but the environment says where the service is."""
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    return boto3.Session().client("s3control")


@pytest.fixture
def bucket(stack: LocalStack) -> str:
    return stack.parameter("backfill-bucket")


def manifest(stack: LocalStack, bucket: str, keys: list[str], source: str | None = None) -> dict[str, Any]:
    source, key = source or stack.parameter("originals-bucket"), f"manifests/{uuid.uuid4().hex}.csv"
    body = "".join(f"{source},{each}\n" for each in keys)
    etag = stack.client("s3").put_object(Bucket=bucket, Key=key, Body=body.encode())["ETag"]
    return {
        "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
        "Location": {"ObjectArn": f"arn:aws:s3:::{bucket}/{key}", "ETag": etag},
    }


def request(stack: LocalStack, bucket: str, keys: list[str] | None = None, **changes: Any) -> dict[str, Any]:
    asked = {
        "AccountId": ACCOUNT,
        "ConfirmationRequired": False,
        "Operation": {
            "LambdaInvoke": {
                "FunctionArn": stack.parameter("backfill-function-arn"),
                "InvocationSchemaVersion": "2.0",
                "UserArguments": {"variants": "256x0.webp"},
            }
        },
        "Report": {
            "Bucket": f"arn:aws:s3:::{bucket}",
            "Format": "Report_CSV_20180820",
            "Enabled": True,
            "Prefix": "reports/test",
            "ReportScope": "AllTasks",
        },
        "ClientRequestToken": uuid.uuid4().hex,
        "Manifest": manifest(stack, bucket, keys or NOBODY),
        "Description": "a test",
        "Priority": 5,
        "RoleArn": stack.parameter("backfill-role-arn"),
        **changes,
    }
    return {name: value for name, value in asked.items() if value is not None}


def describe(control: Any, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = control.describe_job(AccountId=ACCOUNT, JobId=job_id)["Job"]
    return job


def every_job(control: Any, statuses: list[str]) -> Iterator[dict[str, Any]]:
    page: dict[str, Any] = {"NextToken": None}
    while "NextToken" in page:
        following = {"NextToken": page["NextToken"]} if page["NextToken"] else {}
        page = control.list_jobs(AccountId=ACCOUNT, JobStatuses=statuses, MaxResults=2, **following)
        assert len(page["Jobs"]) <= 2
        yield from page["Jobs"]


def ended(control: Any, job_id: str) -> dict[str, Any]:
    wait_until(lambda: describe(control, job_id)["Status"] in ENDED, "the job to end")
    return describe(control, job_id)


@pytest.fixture
def suspended(stack: LocalStack, control: Any, bucket: str) -> Iterator[str]:
    job_id = control.create_job(**request(stack, bucket, ConfirmationRequired=True))["JobId"]
    wait_until(lambda: describe(control, job_id)["Status"] == "Suspended", "the job to wait for its confirmation")
    yield job_id
    if describe(control, job_id)["Status"] not in ENDED:
        control.update_job_status(AccountId=ACCOUNT, JobId=job_id, RequestedJobStatus="Cancelled")


def test_a_job_from_its_manifest_to_its_report(stack: LocalStack, control: Any, bucket: str) -> None:
    asked = request(stack, bucket)
    job_id = control.create_job(**asked)["JobId"]
    job = ended(control, job_id)

    assert job["Status"] == "Complete"
    assert (job["Priority"], job["Description"], job["RoleArn"]) == (5, "a test", asked["RoleArn"])
    assert job["Operation"] == asked["Operation"]
    assert job["CreationTime"] <= job["TerminationDate"]
    summary = job["ProgressSummary"]
    assert (summary["TotalNumberOfTasks"], summary["NumberOfTasksFailed"]) == (len(NOBODY), len(NOBODY))
    assert summary["Timers"]["ElapsedTimeInActiveSeconds"] >= 0
    s3 = stack.client("s3")
    report = json.loads(s3.get_object(Bucket=bucket, Key=f"reports/test/job-{job_id}/manifest.json")["Body"].read())
    (file,) = report["Results"]
    rows = s3.get_object(Bucket=file["Bucket"], Key=file["Key"])["Body"].read().decode().splitlines()
    assert sorted(row.split(",")[1] for row in rows) == NOBODY
    assert all(",failed,200,PermanentFailure,unknown_image: " in row for row in rows)

    assert control.create_job(**asked)["JobId"] == job_id, "expected the same job for the same token"
    with pytest.raises(control.exceptions.IdempotencyException):
        control.create_job(**{**asked, "Priority": 6})
    listed = {each["JobId"]: each for each in every_job(control, ["Complete"])}
    assert listed[job_id]["ProgressSummary"] == summary
    assert listed[job_id]["Operation"] == "LambdaInvoke"


def test_a_job_waits_for_its_confirmation(control: Any, suspended: str) -> None:
    job = describe(control, suspended)
    assert job["ConfirmationRequired"] is True
    assert job["ProgressSummary"]["TotalNumberOfTasks"] == len(NOBODY)
    control.update_job_priority(AccountId=ACCOUNT, JobId=suspended, Priority=77)
    answer = control.update_job_status(AccountId=ACCOUNT, JobId=suspended, RequestedJobStatus="Ready")
    assert answer["JobId"] == suspended
    assert ended(control, suspended)["Priority"] == 77


def test_a_job_that_waits_is_cancelled_at_once(control: Any, suspended: str) -> None:
    answer = control.update_job_status(
        AccountId=ACCOUNT, JobId=suspended, RequestedJobStatus="Cancelled", StatusUpdateReason="not today"
    )
    assert answer["Status"] == "Cancelled"
    job = describe(control, suspended)
    assert (job["Status"], job["StatusUpdateReason"]) == ("Cancelled", "not today")
    for wanted in ("Ready", "Cancelled"):
        with pytest.raises(control.exceptions.JobStatusException):
            control.update_job_status(AccountId=ACCOUNT, JobId=suspended, RequestedJobStatus=wanted)


def test_jobs_outlive_the_process(stack: LocalStack, control: Any, suspended: str) -> None:
    before = describe(control, suspended)
    stack.restart("batch")
    assert describe(control, suspended) | {"ResponseMetadata": 0} == before | {"ResponseMetadata": 0}
    control.update_job_status(AccountId=ACCOUNT, JobId=suspended, RequestedJobStatus="Ready")
    assert ended(control, suspended)["Status"] == "Complete"


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (
            {
                "KeyNameConstraint": {"MatchAnyPrefix": ["demo/2026-02"]},
                "ObjectSizeGreaterThanBytes": 12,
                "CreatedAfter": "2020-01-01T00:00:00Z",
            },
            2,
        ),
        ({"CreatedAfter": "2100-01-01T00:00:00Z"}, None),
    ],
)
def test_a_manifest_is_generated(
    stack: LocalStack, control: Any, bucket: str, generating: str, chosen: dict[str, Any], expected: int | None
) -> None:
    generator = {"SourceBucket": f"arn:aws:s3:::{generating}", "EnableManifestOutput": False, "Filter": chosen}
    asked = request(stack, bucket, Manifest=None, ManifestGenerator={"S3JobManifestGenerator": generator})
    job = ended(control, control.create_job(**asked)["JobId"])
    if expected is None:
        assert (job["Status"], job["FailureReasons"][0]["FailureCode"]) == ("Failed", "NoObjectsFound")
    else:
        assert (job["Status"], job["ProgressSummary"]["TotalNumberOfTasks"]) == ("Complete", expected)


@pytest.fixture(scope="module")
def generating(stack: LocalStack) -> Iterator[str]:
    """A bucket with five objects that the jobs' role may list."""
    s3, iam, name = stack.client("s3"), stack.client("iam"), "generated-manifests"
    role = stack.parameter("backfill-role-arn").rpartition("/")[2]
    allow = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{name}"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName=role, PolicyName="generate", PolicyDocument=policy)
    s3.create_bucket(Bucket=name)
    for number in range(5):
        month = 1 if number < 2 else 2
        s3.put_object(Bucket=name, Key=f"demo/2026-{month:02}-01/{number}", Body=b"x" * (10 + number))
    yield name
    for number in range(5):
        s3.delete_object(Bucket=name, Key=f"demo/2026-{1 if number < 2 else 2:02}-01/{number}")
    s3.delete_bucket(Bucket=name)
    iam.delete_role_policy(RoleName=role, PolicyName="generate")


def test_a_manifest_that_changed_fails_the_job(stack: LocalStack, control: Any, bucket: str) -> None:
    listed = manifest(stack, bucket, NOBODY)
    listed["Location"]["ETag"] = "0" * 32
    job = ended(control, control.create_job(**request(stack, bucket, Manifest=listed))["JobId"])
    assert (job["Status"], job["FailureReasons"][0]["FailureCode"]) == ("Failed", "InvalidManifest")


def test_a_role_of_another_service_fails_the_job(stack: LocalStack, control: Any, bucket: str) -> None:
    iam = stack.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="no-jobs", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    try:
        job = ended(control, control.create_job(**request(stack, bucket, RoleArn=role))["JobId"])
    finally:
        iam.delete_role(RoleName="no-jobs")
    assert (job["Status"], job["FailureReasons"][0]["FailureCode"]) == ("Failed", "AccessDenied")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Manifest": None}, "Exactly one of Manifest and ManifestGenerator"),
        ({"Operation": {"S3DeleteObjectTagging": {}}}, "S3DeleteObjectTagging is not run by the local stack"),
        ({"Operation": {"LambdaInvoke": {"FunctionArn": "nothing"}}}, "needs the ARN of a function"),
        ({"RoleArn": "arn:aws:iam::1:user/x"}, "Invalid role ARN"),
        ({"Priority": 2**31}, "Priority must be between"),
        ({"Report": {"Enabled": True}}, "Report needs the ARN of a bucket"),
        ({"ClientRequestToken": "x" * 65}, "1 to 64 characters"),
    ],
)
def test_wrong_requests_are_refused(
    stack: LocalStack, control: Any, bucket: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message) as refused:
        control.create_job(**request(stack, bucket, **changes))
    assert refused.value.response["Error"]["Code"] == "InvalidRequest"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_unknown_jobs_are_not_found(control: Any) -> None:
    for call in (
        lambda: control.describe_job(AccountId=ACCOUNT, JobId=str(uuid.uuid4())),
        lambda: control.update_job_priority(AccountId=ACCOUNT, JobId=str(uuid.uuid4()), Priority=1),
        lambda: control.update_job_status(AccountId=ACCOUNT, JobId=str(uuid.uuid4()), RequestedJobStatus="Cancelled"),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "NoSuchJob"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(control.exceptions.InvalidNextTokenException):
        control.list_jobs(AccountId=ACCOUNT, NextToken="?")
    with pytest.raises(ClientError, match="AccessDenied"):
        control.list_jobs(AccountId="1" * 12)


def test_only_signed_xml_is_accepted(stack: LocalStack) -> None:
    url = f"http://127.0.0.1:{stack.ports.batch}/v20180820/jobs"
    with httpx.Client(trust_env=False, headers={"x-amz-account-id": ACCOUNT}) as client:
        assert client.get(url).status_code == 403
        for content, expected in (
            (b"<CreateJobRequest><Operation>", "MalformedXML"),
            (b"<CreateJobRequest/>", "Missing required parameter"),
        ):
            signed = AWSRequest("POST", url, data=content)
            SigV4Auth(stack.endpoint.credentials, "s3", "us-east-1").add_auth(signed)
            answer = client.post(url, headers=dict(signed.headers.items()), content=content)
            assert (answer.status_code, expected in answer.text) == (400, True)
            answer = client.post(url, headers=dict(signed.headers.items()), content=content + b" ")
            assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True)
