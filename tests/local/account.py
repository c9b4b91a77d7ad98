"""Resources of a test's own in the emulator: a bucket, a queue, a function, and state machines."""

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.local.stack import LocalStack


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

    def invoke(self, payload: bytes, kind: str = "RequestResponse") -> Any:
        return self.client("lambda").invoke(FunctionName=self.name, Payload=payload, InvocationType=kind)


@contextmanager
def made(stack: LocalStack, handler: str) -> Iterator[Account]:
    """Make an account's resources, its function with the source ``handler`` and 128 MB; remove them afterwards."""
    account = Account(stack)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("made.py", handler)
    account.client("s3").create_bucket(Bucket=account.name)
    account.client("s3").put_object(Bucket=account.name, Key="small", Body=b"a")
    queue = account.client("sqs").create_queue(QueueName=account.name)["QueueUrl"]
    account.client("lambda").create_function(
        FunctionName=account.name,
        Runtime="python3.13",
        Role=account.role("lambda"),
        Handler="made.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=30,
        MemorySize=128,
    )
    yield account
    account.client("lambda").delete_function(FunctionName=account.name)
    account.client("sqs").delete_queue(QueueUrl=queue)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
