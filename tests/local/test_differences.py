"""Every row of the documents' table of differences is still true: one that no longer is must go."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from account import Account, made
from botocore.exceptions import ClientError

from infra.local.stack import LocalStack

DOCUMENT = Path(__file__).parents[2] / "docs" / "not-run-on-aws.md"
HANDLER = """
import os

def handler(event, context):
    if event["do"] == "write":
        open(os.path.join(os.environ["HOME"], "written-by-a-test"), "w").close()
        os.unlink(os.path.join(os.environ["HOME"], "written-by-a-test"))
    elif event["do"] == "allocate":
        return len(b"x" * (300 * 1024 * 1024))
    elif event["do"] == "return a set":
        return {1}
"""
JSONPATH = {"Type": "Pass", "Parameters": {"a.$": "$.missing"}, "End": True}


@pytest.fixture(scope="module")
def account(stack: LocalStack) -> Iterator[Account]:
    with made(stack, HANDLER) as account:
        yield account


def error_of(call: Callable[[], Any]) -> str:
    """Return the code of the error that ``call`` raises, empty for none."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def invoked(account: Account, deed: str) -> Any:
    """Return what the function answers, or the type of its error."""
    answer = json.loads(account.invoke(json.dumps({"do": deed}).encode())["Payload"].read())
    return answer["errorType"] if isinstance(answer, dict) and "errorType" in answer else answer


def put_original(account: Account) -> str:
    s3, bucket = account.client("s3"), account.stack.parameter("originals-bucket")
    written = s3.put_object(Bucket=bucket, Key="demo/2026-01-01/difference", Body=b"a")
    s3.delete_object(Bucket=bucket, Key="demo/2026-01-01/difference", VersionId=written["VersionId"])
    return "written"


def malformed_checksum(account: Account) -> str:
    return error_of(
        lambda: account.client("s3").put_object(Bucket=account.name, Key="a", Body=b"a", ChecksumSHA256="no base64")
    )


def large_environment(account: Account) -> str:
    lambda_, variables = account.client("lambda"), {"Variables": {"A": "x" * 5000}}
    refused = error_of(lambda: lambda_.update_function_configuration(FunctionName=account.name, Environment=variables))
    lambda_.update_function_configuration(FunctionName=account.name, Environment={"Variables": {}})
    return refused or "accepted"


def filter_on_a_key(account: Account) -> str:
    table = account.stack.parameter("images-table")
    return error_of(
        lambda: account.client("dynamodb").query(
            TableName=table,
            KeyConditionExpression="image_id = :id",
            FilterExpression="image_id = :id",
            ExpressionAttributeValues={":id": {"S": "never"}},
        )
    )


def index_at_once(account: Account) -> int:
    """Write an item, read it by the index at once, and return how many were found."""
    table, dynamodb = account.stack.parameter("images-table"), account.client("dynamodb")
    key = {"image_id": {"S": account.name}}
    dynamodb.put_item(
        TableName=table, Item={**key, "tenant": {"S": account.name}, "uploaded_at": {"S": "2026-01-01T00:00:00Z"}}
    )
    found = dynamodb.query(
        TableName=table,
        IndexName="by-tenant",
        KeyConditionExpression="tenant = :tenant",
        ExpressionAttributeValues={":tenant": {"S": account.name}},
    )
    dynamodb.delete_item(TableName=table, Key=key)
    return int(found["Count"])


def invalid_machine(account: Account) -> str:
    machine = account.machine({"Type": "Pass", "Nxt": "Nowhere"})
    account.client("stepfunctions").delete_state_machine(stateMachineArn=machine)
    return "made"


def too_many_metrics(account: Account) -> str:
    data = [{"MetricName": "a", "Value": 1.0}] * 1001
    return error_of(lambda: account.client("cloudwatch").put_metric_data(Namespace="test", MetricData=data))


def undelivered_delay(account: Account) -> int:
    """Return how many messages a queue says it has at once after one was sent, without SQS's approximation."""
    sqs = account.client("sqs")
    url = sqs.get_queue_url(QueueName=account.name)["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    sqs.send_message(QueueUrl=url, MessageBody="a")
    name = "ApproximateNumberOfMessages"
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


DIFFERENCES: dict[str, tuple[Callable[[Account], Any], Any]] = {
    "S3: policies and the root user": (put_original, "written"),
    "S3: a checksum that is no base64": (malformed_checksum, "BadDigest"),
    "Lambda: files": (lambda to: invoked(to, "write"), None),
    "Lambda: memory": (lambda to: invoked(to, "allocate"), 300 * 1024 * 1024),
    "Lambda: answers that are no JSON": (lambda to: invoked(to, "return a set"), "TypeError"),
    "Lambda: 4 KB of environment": (large_environment, "accepted"),
    "DynamoDB: a filter on a key": (filter_on_a_key, ""),
    "DynamoDB: the index": (index_at_once, 1),
    "Step Functions: definitions": (invalid_machine, "made"),
    "Step Functions: JSONPath": (lambda to: json.loads(to.run(JSONPATH)["output"]), {"a": None}),
    "SQS: counts": (undelivered_delay, 1),
    "CloudWatch: 1,000 values": (too_many_metrics, ""),
}


@pytest.mark.parametrize("row", DIFFERENCES)
def test_a_difference_is_still_there(account: Account, row: str) -> None:
    seen, expected = DIFFERENCES[row]
    assert seen(account) == expected


def test_the_document_has_these_rows() -> None:
    section = (
        DOCUMENT.read_text(encoding="utf-8").partition("## Where the local stack differs")[2].partition("\n## ")[0]
    )
    rows = re.findall(r"^\| ([^|]+): ([^|]+) \|", section, re.MULTILINE)
    assert [f"{service}: {what}" for service, what in rows] == list(DIFFERENCES)
