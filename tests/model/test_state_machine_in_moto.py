"""A second opinion on the lane's definition: moto's interpreter takes the same ways through it as the model's walk."""

import io
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.exceptions import ClientError
from jsonata import Jsonata
from jsonata.utils import Utils
from moto import mock_aws
from test_state_machine_walk import AFTERWARDS, GOOD, VARIABLES, WALKS
from world import lane_definition

pytestmark = pytest.mark.extra

_TASKS = "moto.stepfunctions.parser.asl.component.state.exec.state_task"
_CLIENTS = (
    f"{_TASKS}.lambda_eval_utils",
    f"{_TASKS}.service.state_task_service_dynamodb",
    f"{_TASKS}.service.state_task_service_sqs",
)
SECONDS = 60


class Services:
    """Lambda, DynamoDB and SQS as a task's client sees them: they give the answers of a walk."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers
        self.tries: list[str] = []

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        answer = self._answer(arguments["FunctionName"])
        if isinstance(answer, str) and not answer.startswith("Lambda."):
            raised = json.dumps({"errorType": answer, "errorMessage": "raised"}).encode()
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(raised)}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(_or_error(answer)).encode())}

    def update_item(self, **_arguments: Any) -> dict[str, Any]:
        return dict(_or_error(self._answer("updateItem")))

    def put_item(self, **_arguments: Any) -> dict[str, Any]:
        return dict(_or_error(self._answer("putItem")))

    def send_message(self, **_arguments: Any) -> dict[str, Any]:
        return dict(_or_error(self._answer("sendMessage")))

    def _answer(self, name: str) -> Any:
        self.tries.append(name)
        answer = self._answers[name]
        if isinstance(answer, list):
            return answer[min(self.tries.count(name), len(answer)) - 1]
        return answer


def _or_error(answer: Any) -> Any:
    if isinstance(answer, str):
        error = {"Error": {"Code": answer.rpartition(".")[2], "Message": "refused"}}
        raise ClientError({**error, "ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "1"}}, "Task")
    return answer


def by_jsonata_python(text: str) -> Any:
    value = Jsonata(text).evaluate(None)
    return None if value is Utils.NULL_VALUE else value


@pytest.fixture
def moto_interpreter() -> Iterator[None]:
    """Moto's Step Functions, whose expressions would need a Java machine, and which waits before each retry."""
    with ExitStack() as patches:
        patches.enter_context(mock_aws(config={"stepfunctions": {"execute_state_machine": True}}))
        patches.enter_context(
            mock.patch("moto.stepfunctions.parser.asl.jsonata.jsonata._eval_jsonata", by_jsonata_python)
        )
        patches.enter_context(
            mock.patch("moto.stepfunctions.parser.asl.component.common.retry.retrier_decl.time.sleep", lambda _: None)
        )
        yield


def executed(services: Services) -> Any:
    """Run the lane's definition in moto, and return its output."""
    client = boto3.client("stepfunctions", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    machine = client.create_state_machine(
        name="lane", definition=json.dumps(lane_definition()), roleArn="arn:aws:iam::123456789012:role/lane"
    )["stateMachineArn"]
    message = json.dumps([VARIABLES["message"]])
    with ExitStack() as patches:
        for module in _CLIENTS:
            patches.enter_context(mock.patch(f"{module}.boto_client_for", lambda **_: services))
        execution = client.start_execution(stateMachineArn=machine, input=message)["executionArn"]
        deadline = time.monotonic() + SECONDS
        while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "expected an end of the execution"
    assert found["status"] == "SUCCEEDED", found
    return json.loads(found["output"])


@pytest.mark.parametrize(("change", "output", "tries"), WALKS)
def test_moto_takes_the_same_way(moto_interpreter: None, change: Any, output: Any, tries: dict[str, int]) -> None:
    services = Services({**GOOD, **AFTERWARDS, **change})
    found = executed(services)
    assert {name: services.tries.count(name) for name in tries} == tries
    if output is not None:
        assert found == output
