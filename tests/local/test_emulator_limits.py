"""Requests that AWS refuses for their size or shape, and executions that it ends: the emulator does so too."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from account import Account, made
from botocore.exceptions import ClientError

from infra.local.stack import LocalStack

KIB, MIB = 1024, 1024 * 1024
PART = 5 * MIB
HANDLER = "def handler(event, context): return 'x' * event.get('characters', 0)"
PASS = {"Type": "Pass", "End": True}
DOUBLED = {**PASS, "QueryLanguage": "JSONata", "Output": "{% $states.input & $states.input %}"}
WAIT = {"Type": "Wait", "Seconds": 5, "End": True}


@pytest.fixture(scope="module")
def account(stack: LocalStack) -> Iterator[Account]:
    with made(stack, HANDLER) as account:
        yield account


def parts(account: Account, *sizes: int) -> tuple[str, list[dict[str, Any]]]:
    """Upload parts of these sizes, and return the upload's id and what completes it."""
    s3, target = account.client("s3"), {"Bucket": account.name, "Key": "parts"}
    upload = s3.create_multipart_upload(**target)["UploadId"]
    put = [s3.upload_part(**target, UploadId=upload, PartNumber=n, Body=bytes(size)) for n, size in enumerate(sizes, 1)]
    return upload, [{"PartNumber": number, "ETag": part["ETag"]} for number, part in enumerate(put, 1)]


def complete(account: Account, *sizes: int, order: slice = slice(None)) -> Any:
    upload, put = parts(account, *sizes)
    return account.client("s3").complete_multipart_upload(
        Bucket=account.name, Key="parts", UploadId=upload, MultipartUpload={"Parts": put[order]}
    )


def put(account: Account, key: str, **parameters: Any) -> Any:
    return account.client("s3").put_object(Bucket=account.name, Key=key, **parameters)


def send(account: Account, **parameters: Any) -> Any:
    url = account.client("sqs").get_queue_url(QueueName=account.name)["QueueUrl"]
    return account.client("sqs").send_message(QueueUrl=url, MessageBody="a", **parameters)


def hide(account: Account, seconds: int) -> Any:
    sqs = account.client("sqs")
    url = sqs.get_queue_url(QueueName=account.name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="a")
    handle = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"][0]["ReceiptHandle"]
    return sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=seconds)


def parameter(account: Account, value: str) -> Any:
    return account.client("ssm").put_parameter(Name=account.name, Value=value, Type="String", Overwrite=True)


def copy(account: Account, key: str, **parameters: Any) -> Any:
    return account.client("s3").copy_object(
        Bucket=account.name, Key=key, CopySource=f"{account.name}/small", **parameters
    )


Call = Callable[[Account], Any]


def delete(account: Account, count: int) -> Any:
    objects = [{"Key": f"never-{number}"} for number in range(count)]
    return account.client("s3").delete_objects(Bucket=account.name, Delete={"Objects": objects})


def put_event(account: Account) -> Any:
    entry = {"Source": "darkroom.test", "DetailType": "test", "Detail": "{}"}
    return account.client("events").put_events(Entries=[entry])


def json_of(size: int) -> bytes:
    """Return a JSON object of ``size`` bytes."""
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


REQUESTS: dict[str, tuple[Call, str]] = {
    "a last part of any size": (lambda to: complete(to, PART, 10), ""),
    "a small part that is not the last": (lambda to: complete(to, 10, 10), "EntityTooSmall"),
    "parts in another order": (lambda to: complete(to, PART, PART, order=slice(None, None, -1)), "InvalidPartOrder"),
    "no parts": (lambda to: complete(to, 10, order=slice(0)), "MalformedXML"),
    "a key of 1,024 bytes": (lambda to: put(to, "é" * 512), ""),
    "a longer key": (lambda to: put(to, "é" * 512 + "a"), "KeyTooLongError"),
    "2 KiB of metadata": (lambda to: put(to, "small", Metadata={"a": "x" * 2047}), ""),
    "more metadata": (lambda to: put(to, "small", Metadata={"a": "x" * 2048}), "MetadataTooLarge"),
    "1,000 deletions": (lambda to: delete(to, 1000), ""),
    "more deletions": (lambda to: delete(to, 1001), "MalformedXML"),
    "a copy to another key": (lambda to: copy(to, "copied"), ""),
    "a copy onto itself": (lambda to: copy(to, "small"), "InvalidRequest"),
    "a copy onto itself with a change": (lambda to: copy(to, "small", MetadataDirective="REPLACE"), ""),
    "a payload of 6 MiB": (lambda to: to.invoke(json_of(6 * MIB)), ""),
    "a larger payload": (lambda to: to.invoke(json_of(6 * MIB + 1)), "RequestTooLargeException"),
    "an event of 1 MiB": (lambda to: to.invoke(json_of(MIB), "Event"), ""),
    "a larger event": (lambda to: to.invoke(json_of(MIB + 1), "Event"), "RequestTooLargeException"),
    "a payload that is no JSON": (lambda to: to.invoke(b"{"), "InvalidRequestContentException"),
    "a delay of 15 minutes": (lambda to: send(to, DelaySeconds=900), ""),
    "a longer delay": (lambda to: send(to, DelaySeconds=901), "InvalidParameterValue"),
    "a visibility of more than 12 hours": (lambda to: hide(to, 43_201), "InvalidParameterValue"),
    "a parameter of 4 KiB": (lambda to: parameter(to, "x" * 4096), ""),
    "10 parameters": (lambda to: to.client("ssm").get_parameters(Names=["/never"] * 10), ""),
    "more parameters": (lambda to: to.client("ssm").get_parameters(Names=["/never"] * 11), "ValidationException"),
    "a larger parameter": (lambda to: parameter(to, "x" * 4097), "ValidationException"),
    "an execution with 256 KiB": (lambda to: to.run(PASS, text=json_of(256 * KIB).decode()), ""),
    "an execution with more": (lambda to: to.run(PASS, text=json_of(256 * KIB + 1).decode()), "InvalidExecutionInput"),
    "an execution whose input is no JSON": (lambda to: to.run(PASS, text="{"), "InvalidExecutionInput"),
    "an event by API": (put_event, ""),
}


@pytest.mark.parametrize("request_name", REQUESTS)
def test_requests_are_refused_as_by_aws(account: Account, request_name: str) -> None:
    call, expected = REQUESTS[request_name]
    try:
        call(account)
    except ClientError as error:
        assert error.response["Error"]["Code"] == expected
    else:
        assert not expected, "expected a refusal"


def test_a_listing_has_at_most_1000_keys(account: Account) -> None:
    assert account.client("s3").list_objects_v2(Bucket=account.name, MaxKeys=5000)["MaxKeys"] == 1000


HTTP_REQUESTS: dict[str, tuple[str, dict[str, Any], int]] = {
    "the API, 5 MiB": ("upload-api-url", {"method": "POST", "content": bytes(5 * MIB)}, 401),
    "the API, a larger body": ("upload-api-url", {"method": "POST", "content": bytes(10 * MIB + 1)}, 413),
    "the API, headers above 10 KB": ("upload-api-url", {"headers": {"x-long": "x" * 10_240}}, 431),
    "the edge, 8 KiB of URL": ("delivery-url", {"params": {"x": "x" * 8150}}, 400),
    "the edge, a longer URL": ("delivery-url", {"params": {"x": "x" * 8192}}, 413),
    "the edge, 32 KiB of headers": ("delivery-url", {"headers": {"x-long": "x" * 32_768}}, 413),
    "the edge, GET with a body": ("delivery-url", {"content": b"a"}, 403),
    "the edge, POST": ("delivery-url", {"method": "POST"}, 403),
}


@pytest.mark.parametrize("name", HTTP_REQUESTS)
def test_requests_over_http_are_refused_as_by_aws(stack: LocalStack, name: str) -> None:
    published, options, status = HTTP_REQUESTS[name]
    address = stack.edge_url if published == "delivery-url" else stack.parameter(published)
    path = "/img/unknown" if published == "delivery-url" else "/uploads"
    assert httpx.request(**{"method": "GET", "url": address + path, "timeout": 60, **options}).status_code == status


def test_a_response_above_6_mib_is_an_error(account: Account) -> None:
    answer = account.invoke(json.dumps({"characters": 6 * MIB + 200}).encode())
    assert json.loads(answer["Payload"].read())["errorType"] == "Function.ResponseSizeTooLarge"


INVOKE = "lambda:InvokeFunction"


def invoking(account: Account) -> dict[str, Any]:
    arguments = {"FunctionName": account.name, "Payload": {}}
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": arguments, "End": True}


def allow(action: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def deny(action: str) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": "*"}


OTHERS = "arn:aws:lambda:*:*:function:other"
EXECUTIONS: dict[str, tuple[Call, str, str | None]] = {
    "allowed": (lambda to: to.run(invoking(to), allow(INVOKE)), "SUCCEEDED", None),
    "not allowed": (lambda to: to.run(invoking(to)), "FAILED", "States.Permissions"),
    "denied": (lambda to: to.run(invoking(to), allow(INVOKE), deny(INVOKE)), "FAILED", "States.Permissions"),
    "another function": (lambda to: to.run(invoking(to), allow(INVOKE, OTHERS)), "FAILED", "States.Permissions"),
    "too long": (lambda to: to.run(WAIT, TimeoutSeconds=1), "TIMED_OUT", None),
    "too much output": (
        lambda to: to.run(DOUBLED, text=json.dumps("x" * 200 * KIB)), "FAILED", "States.DataLimitExceeded",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXECUTIONS)
def test_executions_end_as_on_aws(account: Account, name: str) -> None:
    call, status, error = EXECUTIONS[name]
    answer = call(account)
    assert (answer["status"], answer.get("error")) == (status, error)
