"""What policies see of a request in the emulator: the partition keys of DynamoDB's, and resources."""

from typing import Any
from urllib.parse import quote

import pytest

from infra.local.emulator.authorization import leading_keys, named_resources, rights_on_jobs

KEYS = {"images": "image_id", "log": "day"}
ONE, TWO = {"image_id": {"S": "a"}}, {"image_id": {"S": "b"}, "state": {"S": "ready"}}
DAY = {"day": {"N": "7"}, "hour": {"N": "1"}}


@pytest.mark.parametrize(
    ("request_body", "keys"),
    [
        ({"TableName": "images", "Key": ONE}, ["a"]),
        ({"TableName": "images", "Item": TWO}, ["b"]),
        ({"TableName": "log", "Key": DAY}, ["7"]),
        ({"RequestItems": {"images": {"Keys": [ONE, TWO]}, "log": {"Keys": [DAY]}}}, ["a", "b", "7"]),
        (
            {
                "TransactItems": [
                    {"Update": {"TableName": "images", "Key": ONE}},
                    {"Put": {"TableName": "images", "Item": TWO}},
                    {"Get": {"TableName": "log", "Key": DAY}},
                ]
            },
            ["a", "b", "7"],
        ),
        ({"RequestItems": {"images": [{"PutRequest": {"Item": TWO}}, {"DeleteRequest": {"Key": ONE}}]}}, ["b", "a"]),
        ({"TableName": "images", "Limit": 1}, []),
        ({"TableName": "unknown", "Key": ONE}, []),
    ],
)
def test_leading_keys_of_a_request(request_body: dict[str, Any], keys: list[str]) -> None:
    assert leading_keys(request_body, KEYS.get) == keys


STORE = "arn:aws:cloudfront::1:key-value-store/a-b"
JOB = "arn:aws:s3:{region}:{account}:job/1"


@pytest.mark.parametrize(
    ("service", "operation", "path", "body", "arns"),
    [
        ("ssm", "GetParameters", "/", b'{"Names": ["/a/b", "c"]}', ["ssm:{}:parameter/a/b", "ssm:{}:parameter/c"]),
        ("ssm", "DescribeParameters", "/", b"{}", []),
        ("ssm", "GetParameters", "/", b"malformed", []),
        ("athena", "GetQueryResults", "/", b'{"QueryExecutionId": "q"}', ["athena:{}:workgroup/of-q"]),
        ("athena", "ListWorkGroups", "/", b"{}", []),
    ],
)
def test_resources_of_a_request(service: str, operation: str, path: str, body: bytes, arns: list[str]) -> None:
    found = named_resources(service, operation, path, body, lambda execution: f"of-{execution}")
    assert list(found) == [f"arn:aws:{arn.format('{region}:{account}')}" for arn in arns]


@pytest.mark.parametrize("end", ["", "/keys", "/keys/kid"])
def test_the_resource_of_a_call_of_a_key_value_store_is_the_store(end: str) -> None:
    path = f"/key-value-stores/{quote(STORE, safe='')}{end}"
    assert named_resources("cloudfront-keyvaluestore", "", path, b"", str) == (STORE,)


@pytest.mark.parametrize(
    ("method", "path", "body", "rights"),
    [
        ("POST", "/v20180820/jobs", b"<RoleArn>arn:r</RoleArn>", [("s3:CreateJob", "*"), ("iam:PassRole", "arn:r")]),
        ("GET", "/v20180820/jobs", b"", [("s3:ListJobs", "*")]),
        ("GET", "/v20180820/jobs/1", b"", [("s3:DescribeJob", JOB)]),
        ("POST", "/v20180820/jobs/1/status", b"", [("s3:UpdateJobStatus", JOB)]),
        ("POST", "/v20180820/jobs/1/priority", b"", [("s3:UpdateJobPriority", JOB)]),
        ("GET", "/v20180820/accesspoint", b"", []),
    ],
)
def test_rights_on_batch_jobs(method: str, path: str, body: bytes, rights: list[tuple[str, str]]) -> None:
    assert list(rights_on_jobs(method, path, body)) == rights
