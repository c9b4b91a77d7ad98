from collections.abc import Iterator
from typing import Any

import pytest
from synthesized import Assembly, referenced

from infra import state_machine
from lambdas.settings import Settings

EXPRESS_SECONDS = 300
DELIVERED_AGAIN = {"batchItemFailures": [{"itemIdentifier": "{% $messageId %}"}]}


@pytest.fixture(scope="module")
def definition(settings: Settings) -> dict[str, Any]:
    return state_machine.definition(settings)


def machines(definition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Walk the machine and those inside its Maps."""
    yield definition
    for state in definition["States"].values():
        if "ItemProcessor" in state:
            yield from machines(state["ItemProcessor"])


def states(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for machine in machines(definition):
        yield from machine["States"].items()


def successors(state: dict[str, Any]) -> set[str]:
    following = [state.get("Next"), state.get("Default")]
    following += [branch["Next"] for branch in (*state.get("Choices", []), *state.get("Catch", []))]
    return {name for name in following if name}


def values(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        for value in node.values():
            yield from values(value)
    elif isinstance(node, list):
        for value in node:
            yield from values(value)
    else:
        yield node


def test_every_state_can_be_reached_and_leads_on_or_ends(definition: dict[str, Any]) -> None:
    for machine in machines(definition):
        reached, ahead = set(), {machine["StartAt"]}
        while ahead:
            name = ahead.pop()
            reached.add(name)
            state = machine["States"][name]
            ends = state.get("End") or state["Type"] in {"Succeed", "Fail"}
            assert bool(ends) != bool(successors(state) - {each["Next"] for each in state.get("Catch", [])}), name
            ahead |= successors(state) - reached
        assert reached == set(machine["States"])


def test_every_task_retries_throttling_with_full_jitter(definition: dict[str, Any]) -> None:
    for name, state in states(definition):
        if state["Type"] == "Task":
            (retry,) = [each for each in state["Retry"] if "Lambda.TooManyRequestsException" in each["ErrorEquals"]]
            assert retry["JitterStrategy"] == "FULL", name
            assert retry["MaxAttempts"] >= 3, name


def test_whatever_else_fails_goes_back_to_the_queue(definition: dict[str, Any]) -> None:
    caught = [state for state in definition["States"].values() if state["Type"] in {"Task", "Map", "Parallel"}]
    assert caught
    for state in caught:
        assert state["Catch"][-1] == {"ErrorEquals": ["States.ALL"], "Next": "ReturnToQueue"}
    assert definition["States"]["ReturnToQueue"]["Output"] == DELIVERED_AGAIN
    assert not [name for name, state in states(definition) if state["Type"] == "Fail"]


def test_no_single_task_can_use_up_the_execution_by_retries_alone(
    definition: dict[str, Any], settings: Settings
) -> None:
    for name, state in states(definition):
        if state["Type"] != "Task":
            continue
        for retry in state["Retry"]:
            waits = [
                min(retry["IntervalSeconds"] * retry.get("BackoffRate", 2) ** attempt, retry.get("MaxDelaySeconds", 60))
                for attempt in range(retry["MaxAttempts"])
            ]
            assert sum(waits) <= settings.pipeline.execution_seconds / 3, name
    assert definition["TimeoutSeconds"] == settings.pipeline.execution_seconds <= EXPRESS_SECONDS


def test_a_map_runs_inline_and_no_wider_than_the_settings_say(definition: dict[str, Any], settings: Settings) -> None:
    (drawing,) = [state for _, state in states(definition) if state["Type"] == "Map"]
    assert drawing["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}
    assert drawing["MaxConcurrency"] == settings.pipeline.derive_concurrency


def test_nothing_in_it_is_null(definition: dict[str, Any]) -> None:
    # CloudFormation drops nulls: a variable assigned one would be missing.
    assert None not in list(values(definition))


def test_the_template_carries_it_with_every_function_put_in(aws: Assembly, settings: Settings) -> None:
    for machine in aws.all("AWS::StepFunctions::StateMachine"):
        assert machine.properties["Definition"] == state_machine.definition(settings), str(machine)
        named = {
            state["Arguments"]["FunctionName"]
            for _, state in states(machine.properties["Definition"])
            if "Arguments" in state
        }
        substitutions = machine.properties["DefinitionSubstitutions"]
        assert named == {f"${{{task}}}" for task in substitutions}, str(machine)
        for task, arn in substitutions.items():
            function = machine.template["Resources"][referenced(arn)]
            assert function["Properties"]["Handler"] == f"lambdas.{task.lower()}.handler.handler", str(machine)
