"""Requests that AWS refuses for their size or shape, and executions that it ends: the emulator does so too."""

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.stack import LocalStack

KIB, MIB = 1024, 1024 * 1024
PART = 5 * MIB
HANDLER = "def handler(event, context): return 'x' * event.get('characters', 0)"
PASS = {"Type": "Pass", "End": True}
DOUBLED = {**PASS, "QueryLanguage": "JSONata", "Output": "{% $states.input & $states.input %}"}
WAIT = {"Type": "Wait", "Seconds": 5, "End": True}


@dataclass
class Account:
    """Resources of the test's own in the emulator."""

    stack: LocalStack
    name: str = field(default_factory=lambda: f"limits-{uuid.uuid4().hex[:8]}")

    def client(self, service: str) -> Any:
        return self.stack.client(service)

    def role(self, service: str, *statements: dict[str, Any]) -> str:
        trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        name = f"{self.name}-{uuid.uuid4().hex[:6]}"
        role = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]
        if statements:
            self.client("iam").put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy(*statements))
        return str(role["Arn"])

    def machine(self, state: dict[str, Any], *statements: dict[str, Any], **rest: Any) -> str:
        definition = {"StartAt": "Only", "States": {"Only": state}, **rest}
        made = self.client("stepfunctions").create_state_machine(
            name=f"{self.name}-{uuid.uuid4().hex[:6]}",
            definition=json.dumps(definition),
            roleArn=self.role("states", *statements),
            type="EXPRESS",
        )
        return str(made["stateMachineArn"])

    def run(self, state: dict[str, Any], *statements: dict[str, Any], text: str = "{}", **rest: Any) -> Any:
        machine = self.machine(state, *statements, **rest)
        try:
            return self.client("stepfunctions").start_sync_execution(stateMachineArn=machine, input=text)
        finally:
            self.client("stepfunctions").delete_state_machine(stateMachineArn=machine)

    def parts(self, *sizes: int) -> tuple[str, list[dict[str, Any]]]:
        """Upload parts of these sizes, and return the upload's id and what completes it."""
        s3, target = self.client("s3"), {"Bucket": self.name, "Key": "parts"}
        upload = s3.create_multipart_upload(**target)["UploadId"]
        put = [
            s3.upload_part(**target, UploadId=upload, PartNumber=n, Body=bytes(size)) for n, size in enumerate(sizes, 1)
        ]
        return upload, [{"PartNumber": number, "ETag": part["ETag"]} for number, part in enumerate(put, 1)]

    def complete(self, *sizes: int, order: slice = slice(None)) -> Any:
        upload, parts = self.parts(*sizes)
        return self.client("s3").complete_multipart_upload(
            Bucket=self.name, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts[order]}
        )

    def put(self, key: str, **parameters: Any) -> Any:
        return self.client("s3").put_object(Bucket=self.name, Key=key, **parameters)

    def invoke(self, payload: bytes, kind: str = "RequestResponse") -> Any:
        return self.client("lambda").invoke(FunctionName=self.name, Payload=payload, InvocationType=kind)

    def send(self, **parameters: Any) -> Any:
        url = self.client("sqs").get_queue_url(QueueName=self.name)["QueueUrl"]
        return self.client("sqs").send_message(QueueUrl=url, MessageBody="a", **parameters)

    def hide(self, seconds: int) -> Any:
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=self.name)["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="a")
        handle = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"][0]["ReceiptHandle"]
        return sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=seconds)

    def secret(self, value: str) -> Any:
        return self.client("secretsmanager").put_secret_value(
            SecretId=self.name, SecretString=value, ClientRequestToken="0" * 32
        )

    def parameter(self, value: str) -> Any:
        return self.client("ssm").put_parameter(Name=self.name, Value=value, Type="String", Overwrite=True)

    def copy(self, key: str, **parameters: Any) -> Any:
        return self.client("s3").copy_object(Bucket=self.name, Key=key, CopySource=f"{self.name}/small", **parameters)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture(scope="module")
def account(stack: LocalStack) -> Iterator[Account]:
    account = Account(stack)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("made.py", HANDLER)
    account.client("s3").create_bucket(Bucket=account.name)
    account.put("small", Body=b"a")
    queue = account.client("sqs").create_queue(QueueName=account.name)["QueueUrl"]
    account.client("secretsmanager").create_secret(Name=account.name, SecretString="first")
    account.client("lambda").create_function(
        FunctionName=account.name,
        Runtime="python3.13",
        Role=account.role("lambda"),
        Handler="made.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=30,
    )
    yield account
    account.client("lambda").delete_function(FunctionName=account.name)
    account.client("secretsmanager").delete_secret(SecretId=account.name, ForceDeleteWithoutRecovery=True)
    account.client("sqs").delete_queue(QueueUrl=queue)


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
    "a last part of any size": (lambda to: to.complete(PART, 10), ""),
    "a small part that is not the last": (lambda to: to.complete(10, 10), "EntityTooSmall"),
    "parts in another order": (lambda to: to.complete(PART, PART, order=slice(None, None, -1)), "InvalidPartOrder"),
    "no parts": (lambda to: to.complete(10, order=slice(0)), "MalformedXML"),
    "a key of 1,024 bytes": (lambda to: to.put("é" * 512), ""),
    "a longer key": (lambda to: to.put("é" * 512 + "a"), "KeyTooLongError"),
    "2 KiB of metadata": (lambda to: to.put("small", Metadata={"a": "x" * 2047}), ""),
    "more metadata": (lambda to: to.put("small", Metadata={"a": "x" * 2048}), "MetadataTooLarge"),
    "1,000 deletions": (lambda to: delete(to, 1000), ""),
    "more deletions": (lambda to: delete(to, 1001), "MalformedXML"),
    "a copy to another key": (lambda to: to.copy("copied"), ""),
    "a copy onto itself": (lambda to: to.copy("small"), "InvalidRequest"),
    "a copy onto itself with a change": (lambda to: to.copy("small", MetadataDirective="REPLACE"), ""),
    "a payload of 6 MiB": (lambda to: to.invoke(json_of(6 * MIB)), ""),
    "a larger payload": (lambda to: to.invoke(json_of(6 * MIB + 1)), "RequestTooLargeException"),
    "an event of 1 MiB": (lambda to: to.invoke(json_of(MIB), "Event"), ""),
    "a larger event": (lambda to: to.invoke(json_of(MIB + 1), "Event"), "RequestTooLargeException"),
    "a payload that is no JSON": (lambda to: to.invoke(b"{"), "InvalidRequestContentException"),
    "a delay of 15 minutes": (lambda to: to.send(DelaySeconds=900), ""),
    "a longer delay": (lambda to: to.send(DelaySeconds=901), "InvalidParameterValue"),
    "a visibility of more than 12 hours": (lambda to: to.hide(43_201), "InvalidParameterValue"),
    "a secret of 64 KiB": (lambda to: to.secret("x" * 64 * KIB), ""),
    "the same value with the same token": (lambda to: to.secret("x" * 64 * KIB), ""),
    "another value with the same token": (lambda to: to.secret("other"), "ResourceExistsException"),
    "a larger secret": (lambda to: to.secret("x" * (64 * KIB + 1)), "ValidationException"),
    "a parameter of 4 KiB": (lambda to: to.parameter("x" * 4096), ""),
    "a larger parameter": (lambda to: to.parameter("x" * 4097), "ValidationException"),
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
