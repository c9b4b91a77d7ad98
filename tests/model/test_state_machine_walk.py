"""The walk of the state machine: its expressions are those of JSONata, its retries and catches the definition's."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonata.utils import Utils
from state_machine import ExecutionFailedError, TaskError, Walk, by_library, evaluate
from world import lane_definition

pytestmark = pytest.mark.usefixtures("model")

IMAGE = {"image_id": "a0", "key": "demo/2026-01-01/a0"}
STATES: dict[str, Any] = {
    "input": {"outcome": "accepted", "groups": [{"variants": ["16x0.jpeg"]}]},
    "result": {
        "Payload": {
            "image": IMAGE,
            "rejection": {"code": "corrupt"},
            "seconds": 0.5,
            "metadata": {"width": 1},
            "groups": [],
        }
    },
    "context": {
        "Execution": {"Id": "execution-1"},
        "State": {"Name": "Validate"},
        "Map": {"Item": {"Value": {"variants": ["16x0.jpeg"]}}},
    },
    "errorOutput": {"Error": "Lambda.Unknown", "Cause": "the function was killed"},
}
VARIABLES: dict[str, Any] = {
    "message": {
        "messageId": "message-1",
        "body": "{}",
        "md5OfBody": "0123",
        "attributes": {"SentTimestamp": "1", "ApproximateReceiveCount": "2"},
    },
    "image": IMAGE,
    "rejection": {"code": "corrupt"},
    "metadata": {"width": 1},
    "groups": [{"variants": ["16x0.jpeg"]}],
    "inspection": {"verdict": "allow"},
    "derivations": [{"outcome": "made"}],
    "timings": {"validate": 0.5},
    "failure": STATES["errorOutput"],
    "step": "Validate",
}


def expressions(node: Any) -> Iterator[str]:
    if isinstance(node, str) and node.startswith("{%"):
        yield node
    elif isinstance(node, dict):
        for each in node.values():
            yield from expressions(each)
    elif isinstance(node, list):
        for each in node:
            yield from expressions(each)


def test_expressions_are_jsonata(model: None) -> None:
    read = {text for text in expressions(lane_definition()) if "$now()" not in text and "$millis()" not in text}
    assert len(read) > 20
    for text in read:
        frame = {**VARIABLES, "states": {**STATES, "input": [STATES["input"]] if "[0]" in text else STATES["input"]}}
        expected = by_library(text[2:-2].strip())(frame)
        found = evaluate(text, frame["states"], VARIABLES)
        assert found == (None if expected is Utils.NULL_VALUE else expected), text


def test_null_equals_null() -> None:
    assert evaluate("{% $image = null %}", STATES, {"image": None}) is True
    assert evaluate("{% $image = null %}", STATES, VARIABLES) is False
    assert by_library("$image = null")({"image": Utils.NULL_VALUE}) is True


def walked(answers: dict[str, Any], tries: list[str]) -> Any:
    """Walk the lane with each task's answer: a value, or an error's name for each try."""

    def invoke(resource: str, arguments: dict[str, Any]) -> Any:
        name = arguments.get("FunctionName") or resource.rpartition(":")[2]
        tries.append(name)
        answer = answers[name]
        if isinstance(answer, list):
            answer = answer[min(tries.count(name), len(answer)) - 1]
        if isinstance(answer, str):
            raise TaskError(answer)
        return {"Payload": answer}

    def together(branches: list[Callable[[], Any]]) -> list[Any]:
        return [branch() for branch in branches]

    return Walk(lane_definition(), "execution-1", invoke, together).run([VARIABLES["message"]])


ACCEPTED = {"outcome": "accepted", "image": IMAGE, "rejection": None, "seconds": 0.1}
DESCRIBED = {
    "outcome": "accepted",
    "metadata": {},
    "rejection": None,
    "groups": [{"variants": ["a"]}, {"variants": ["b"]}],
    "seconds": 0.1,
}
RECORDED = {"outcome": "ready"}
GOOD = {"validate": ACCEPTED, "metadata": DESCRIBED, "derive": {"outcome": "made"}, "record": RECORDED}
RETURNED = {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
AFTERWARDS: dict[str, Any] = {"updateItem": {}, "putItem": {}, "sendMessage": {"sent": True}}


# What tasks answer instead, the execution's output, and how often each task was called.
WALKS: list[tuple[dict[str, Any], Any, dict[str, int]]] = [
    ({}, RECORDED, {"validate": 1, "metadata": 1, "derive": 2, "record": 1}),
    ({"validate": {**ACCEPTED, "outcome": "settled"}}, None, {"validate": 1, "metadata": 0, "record": 0}),
    ({"validate": {**ACCEPTED, "outcome": "rejected"}}, RECORDED, {"metadata": 0, "record": 1}),
    ({"metadata": {**DESCRIBED, "outcome": "rejected"}}, RECORDED, {"derive": 0, "record": 1}),
    ({"record": ["ClientError", RECORDED]}, RECORDED, {"record": 2}),
    ({"record": "ClientError"}, RETURNED, {"record": 3, "putItem": 1}),
    ({"metadata": "Lambda.Unknown"}, RETURNED, {"metadata": 2, "putItem": 1}),
    ({"validate": "MalformedEventError"}, RETURNED, {"validate": 1, "putItem": 1}),
    ({"metadata": "Lambda.TooManyRequestsException"}, None, {"metadata": 7, "putItem": 0, "sendMessage": 1}),
    ({"record": "ClientError", "putItem": "DynamoDB.ConditionalCheckFailedException"}, RETURNED, {"putItem": 1}),
    ({"record": "ClientError", "putItem": "DynamoDB.ThrottlingException"}, RETURNED, {"putItem": 4}),
]


@pytest.mark.parametrize(("change", "output", "tries"), WALKS)
def test_retries_and_catches(change: dict[str, Any], output: Any, tries: dict[str, int]) -> None:
    made: list[str] = []
    found = walked({**GOOD, **AFTERWARDS, **change}, made)
    assert {name: made.count(name) for name in tries} == tries
    if output is not None:
        assert found == output


def test_an_error_that_nothing_catches_fails_the_execution() -> None:
    machine = {"StartAt": "Only", "States": {"Only": {"Type": "Task", "Resource": "r", "Arguments": {}, "End": True}}}

    def invoke(_resource: str, _arguments: Any) -> Any:
        raise TaskError("Lambda.Unknown")

    with pytest.raises(ExecutionFailedError):
        Walk(machine, "execution-1", invoke, lambda branches: [branch() for branch in branches]).run({})
