"""The emulator refuses what CloudFormation and Lambda refuse; protection is set on what exists, and lifted again."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.emulator.stack_operations import ACCOUNT_CONCURRENCY
from infra.local.stack import LocalStack
from lambdas.core.settings import Settings
from lambdas.core.settings.lanes import UNRESERVED_CONCURRENCY
from operations.stack_protection import set_protection, stage_stacks

STAGE = "operations"
TOO_MANY = ACCOUNT_CONCURRENCY - UNRESERVED_CONCURRENCY
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "TableName": "operations-table",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    },
}
_PATIENCE_SECONDS = 60.0


def function(executions: int, **beside: Any) -> dict[str, Any]:
    """Return the resources of a function that reserves ``executions``, made after those ``beside`` it."""
    properties = {
        "FunctionName": "operations-function",
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": "def handler(event, context): pass"},
        "ReservedConcurrentExecutions": executions,
    }
    role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [TRUST]}}
    last = {"Type": "AWS::Lambda::Function", "DependsOn": list(beside), "Properties": properties}
    return {"Role": {"Type": "AWS::IAM::Role", "Properties": role}, **beside, "Function": last}


class Stacks:
    def __init__(self, stack: LocalStack) -> None:
        self.client = stack.client("cloudformation")
        self.made: list[str] = []

    def create(self, name: str, resources: dict[str, Any]) -> str:
        """Create a stack of the stage and return its final status."""
        self.made.append(name)
        tags = [{"Key": "Application", "Value": "darkroom"}, {"Key": "Stage", "Value": STAGE}]
        template = json.dumps({"Resources": resources})
        self.client.create_stack(StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_IAM"], Tags=tags)
        return self.settled(name)

    def settled(self, name: str) -> str:
        identifier = self.client.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            status = str(self.client.describe_stacks(StackName=identifier)["Stacks"][0]["StackStatus"])
            if not status.endswith("IN_PROGRESS"):
                return status
            assert time.monotonic() < deadline, status
            time.sleep(0.02)

    def delete(self, name: str) -> str:
        identifier = self.client.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
        self.client.delete_stack(StackName=name)
        return self.settled(identifier)


@pytest.fixture
def stacks(stack: LocalStack) -> Iterator[Stacks]:
    found = Stacks(stack)
    yield found
    for name in found.made:
        found.client.delete_stack(StackName=name)


@pytest.mark.parametrize(("policy", "stays"), [("Retain", True), ("RetainExceptOnCreate", False), ("Delete", False)])
def test_a_failed_creation_leaves_its_name_and_what_is_retained(
    stack: LocalStack, stacks: Stacks, policy: str, *, stays: bool
) -> None:
    group = {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": policy, "Properties": {"LogGroupName": f"/ops/{policy}"}}
    assert stacks.create("OpsFailed", function(TOO_MANY, Group=group)) == "ROLLBACK_COMPLETE"
    found = stack.client("logs").describe_log_groups(logGroupNamePrefix=f"/ops/{policy}")["logGroups"]
    assert [each["logGroupName"] == f"/ops/{policy}" for each in found if each["logGroupName"].endswith(policy)] == (
        [True] if stays else []
    )
    with pytest.raises(ClientError, match=r"Stack \[OpsFailed\] already exists"):
        stacks.create("OpsFailed", {"Table": TABLE})
    assert stacks.delete("OpsFailed") == "DELETE_COMPLETE"


def test_reservations_leave_a_hundred_unreserved(stack: LocalStack, stacks: Stacks) -> None:
    functions = stack.client("lambda")
    limit = functions.get_account_settings()["AccountLimit"]
    assert limit["ConcurrentExecutions"] == ACCOUNT_CONCURRENCY
    free = limit["UnreservedConcurrentExecutions"] - UNRESERVED_CONCURRENCY
    assert stacks.create("OpsReserved", function(free)) == "CREATE_COMPLETE"
    reserve: Callable[..., Any] = functions.put_function_concurrency
    with pytest.raises(ClientError, match="UnreservedConcurrentExecution below its minimum"):
        reserve(FunctionName="operations-function", ReservedConcurrentExecutions=free + 1)
    found = functions.get_function_concurrency(FunctionName="operations-function")
    assert found["ReservedConcurrentExecutions"] == free
    assert stacks.delete("OpsReserved") == "DELETE_COMPLETE"


def test_protection_is_set_on_what_was_created_and_lifted(stack: LocalStack, stacks: Stacks) -> None:
    def protect(*, protected: bool) -> list[str]:
        settings = Settings.model_validate({"stage": STAGE})
        found = list(stage_stacks(settings, stack.client, [stack.endpoint.region]))
        assert {each.name for each in found} >= {"OpsFailed", "OpsTable"}
        return set_protection(found, stack.client, protected=protected)

    stacks.create("OpsFailed", function(TOO_MANY))
    stacks.create("OpsTable", {"Table": TABLE})

    assert protect(protected=True) == ["OpsTable", "operations-table"]
    assert protect(protected=True) == []
    assert stacks.delete("OpsFailed") == "DELETE_COMPLETE"
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        stacks.delete("OpsTable")

    stacks.client.update_termination_protection(StackName="OpsTable", EnableTerminationProtection=False)
    assert stacks.delete("OpsTable") == "DELETE_FAILED"  # the table itself is protected too
    stacks.create("OpsFailed", function(TOO_MANY))
    assert protect(protected=False) == ["operations-table"]
    assert stacks.delete("OpsTable") == "DELETE_COMPLETE"
