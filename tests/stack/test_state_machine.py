import copy
from collections.abc import Iterator
from typing import Any

import pytest
from jsonata import Jsonata
from jsonata.jexception import JException
from synthesized import Assembly, referenced

from infra.constructs.lane import definition as state_machine
from lambdas.core.settings import Settings, parse_settings

EXPRESS_SECONDS = 300
DELIVERED_AGAIN = {"batchItemFailures": [{"itemIdentifier": "{% $message.messageId %}"}]}
LAMBDA = "arn:aws:states:::lambda:invoke"


INSPECTED = parse_settings(
    """
    [inspection]
    function = "arn:aws:lambda:us-east-1:123456789012:function:inspect"
    [stage.dev]
    """,
    "dev",
)


@pytest.fixture(scope="module", params=["as it is", "with inspection"])
def definition(settings: Settings, request: pytest.FixtureRequest) -> dict[str, Any]:
    return state_machine.definition(settings if request.param == "as it is" else INSPECTED)


def machines(definition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Walk the machine and those inside its Maps."""
    yield definition
    for state in definition["States"].values():
        if "ItemProcessor" in state:
            yield from machines(state["ItemProcessor"])


def states(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for machine in machines(definition):
        yield from machine["States"].items()


def onward(state: dict[str, Any]) -> set[str]:
    following = [state.get("Next"), state.get("Default"), *(branch["Next"] for branch in state.get("Choices", []))]
    return {name for name in following if name}


def successors(state: dict[str, Any]) -> set[str]:
    return onward(state) | {branch["Next"] for branch in state.get("Catch", [])}


def values(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        for value in node.values():
            yield from values(value)
    elif isinstance(node, list):
        for value in node:
            yield from values(value)
    else:
        yield node


def test_every_state_is_reachable_and_has_a_successor_or_ends(definition: dict[str, Any]) -> None:
    for machine in machines(definition):
        reached, ahead = set(), {machine["StartAt"]}
        while ahead:
            name = ahead.pop()
            reached.add(name)
            state = machine["States"][name]
            ends = state.get("End") or state["Type"] in {"Succeed", "Fail"}
            assert bool(ends) != bool(onward(state)), name
            ahead |= successors(state) - reached
        assert reached == set(machine["States"])


def test_tasks_retry_with_full_jitter_and_longest_when_throttled(definition: dict[str, Any]) -> None:
    for name, state in states(definition):
        if state["Type"] != "Task":
            continue
        retries = [retry for retry in state["Retry"] if retry["MaxAttempts"]]
        assert {retry["JitterStrategy"] for retry in retries} == {"FULL"}, name
        if state["Resource"] == LAMBDA:
            first, *others = retries
            assert first["ErrorEquals"] == ["Lambda.TooManyRequestsException"], name
            assert first["MaxAttempts"] > max(other["MaxAttempts"] for other in others), name


def test_other_failures_are_written_down_and_return_to_the_queue(definition: dict[str, Any]) -> None:
    steps = {name: state for name, state in definition["States"].items() if "Catch" in state}
    assert {name for name, state in definition["States"].items() if state["Type"] in {"Task", "Map"}} == set(steps)
    for name, state in steps.items():
        last = state["Catch"][-1]
        assert last["ErrorEquals"] == ["States.ALL"], name
        # What fails while a failure is dealt with is not dealt with again.
        dealing = {"NoteFailure": "ReturnToQueue", "Postpone": "ReturnToQueue", "ReleaseClaim": "Throttled"}
        assert last["Next"] == dealing.get(name, "Failed"), name
    assert definition["States"]["NoteFailure"]["Next"] == "ReturnToQueue"
    assert definition["States"]["ReturnToQueue"]["Output"] == DELIVERED_AGAIN
    assert not [name for name, state in states(definition) if state["Type"] == "Fail"]


def evaluated(expression: str, **variables: Any) -> Any:
    """Return the value of a JSONata expression of the definition."""
    parsed = Jsonata.jsonata(expression.removeprefix("{%").removesuffix("%}").strip())
    frame = parsed.create_frame()
    for name, value in variables.items():
        frame.bind(name, value)
    return parsed.evaluate(None, frame)


def chosen(state: dict[str, Any], **variables: Any) -> str:
    """Return the state that a Choice goes on to."""
    for branch in state["Choices"]:
        if evaluated(branch["Condition"], **variables):
            return branch["Next"]
    return state["Default"]


FAILURES = [
    ("Lambda.TooManyRequestsException", "Postpone", "0"),
    ("Sandbox.Timedout", "NoteFailure", "1"),
    ("Runtime.ExitError", "NoteFailure", "1"),
    ("Lambda.Unknown", "NoteFailure", "1"),
    ("OutOfTimeError", "NoteFailure", "0"),
    ("ClientError", "NoteFailure", "0"),
]


@pytest.mark.parametrize(("error", "following", "deaths"), FAILURES)
def test_failures_give_up_the_claim_count_deaths_and_are_postponed_only_if_throttled(
    definition: dict[str, Any], error: str, following: str, deaths: str
) -> None:
    failed, release, throttled = (definition["States"][name] for name in ("Failed", "ReleaseClaim", "Throttled"))
    failure = {"Error": error, "Cause": ""}
    assert chosen(failed, image={"image_id": "1"}) == "ReleaseClaim"
    assert release["Next"] == "Throttled"
    assert chosen(throttled, failure=failure) == following
    counted = release["Arguments"]["ExpressionAttributeValues"][":deaths"]["N"]
    assert evaluated(counted, failure=failure) == deaths


def test_a_failure_before_the_claim_releases_none(definition: dict[str, Any]) -> None:
    image = definition["States"]["Receive"]["Assign"]["image"]
    assert chosen(definition["States"]["Failed"], image=image) == "Throttled"


def test_a_picture_that_another_execution_processes_is_sent_again_uncounted(definition: dict[str, Any]) -> None:
    busy = [each for each in definition["States"]["Validated"]["Choices"] if "busy" in each["Condition"]]
    assert [each["Next"] for each in busy] == ["Postpone"]


def test_a_claim_lapses_before_its_message_is_received_again(settings: Settings, definition: dict[str, Any]) -> None:
    waits = sum(longest_waits(retrier) for retrier in definition["States"]["Validate"]["Retry"][:2])
    claimed = waits + 2 * settings.functions["validate"].timeout_seconds
    assert claimed + settings.pipeline.execution_seconds < settings.pipeline.visibility_seconds
    assert settings.pipeline.visibility_seconds < 1.5 * settings.pipeline.execution_seconds, "little more"


def longest_waits(retrier: dict[str, Any]) -> float:
    """Return the seconds that all retries of ``retrier`` wait at most."""
    first, rate, most = retrier.get("IntervalSeconds", 1), retrier.get("BackoffRate", 2), retrier.get("MaxDelaySeconds")
    delays = [first * rate**number for number in range(retrier["MaxAttempts"])]
    return sum(min(delay, most or delay) for delay in delays)


def test_throttled_message_is_sent_again_uncounted(definition: dict[str, Any]) -> None:
    postpone = definition["States"]["Postpone"]
    assert postpone["Arguments"]["MessageBody"] == "{% $message.body %}"
    assert postpone["End"] is True


def test_retries_of_a_task_stay_within_a_third_of_the_execution(definition: dict[str, Any], settings: Settings) -> None:
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


@pytest.mark.parametrize(
    ("verdict", "following"),
    [("allow", "DeriveGroups"), ("hold", "Record"), ("reject", "Record"), ("maybe", "UnknownVerdict")],
)
def test_nothing_is_drawn_for_viewers_before_the_inspection_allows_it(verdict: str, following: str) -> None:
    states = state_machine.definition(INSPECTED)["States"]
    assert states["Measured"]["Choices"][0]["Next"] == "Preview"
    assert states["Preview"]["Arguments"]["Payload"]["for_inspection"] is True
    branches = states["Inspected"]["Choices"]
    chosen_next = next(
        (each["Next"] for each in branches if f"'{verdict}'" in each["Condition"]), states["Inspected"]["Default"]
    )
    assert chosen_next == following
    assert states["UnknownVerdict"]["Next"] == "Failed"


def test_map_is_inline_with_the_concurrency_of_the_settings(definition: dict[str, Any], settings: Settings) -> None:
    (drawing,) = [state for _, state in states(definition) if state["Type"] == "Map"]
    assert drawing["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}
    assert drawing["MaxConcurrency"] == settings.pipeline.derive_concurrency


def test_definition_has_no_null(definition: dict[str, Any]) -> None:
    # CloudFormation drops nulls: a variable assigned one would be missing.
    assert None not in list(values(definition))


def test_template_has_the_definition_with_every_resource_substituted(aws: Assembly, settings: Settings) -> None:
    for machine in aws.all("AWS::StepFunctions::StateMachine"):
        assert machine.properties["Definition"] == state_machine.definition(settings), str(machine)
        named = {
            state["Arguments"]["FunctionName"]
            for _, state in states(machine.properties["Definition"])
            if state.get("Resource") == LAMBDA
        }
        substitutions = dict(machine.properties["DefinitionSubstitutions"])
        assert substitutions.pop("ImagesTable") == f"{settings.prefix}-images"
        assert named == {f"${{{task}}}" for task in state_machine.TASKS}, str(machine)
        kinds = {name: machine.template["Resources"][referenced(value)] for name, value in substitutions.items()}
        for task in state_machine.TASKS:
            assert kinds.pop(task)["Properties"]["Handler"] == f"lambdas.{task.lower()}.handler.handler", str(machine)
        assert {name: resource["Type"] for name, resource in kinds.items()} == {
            "Queue": "AWS::SQS::Queue",
            "FailuresTable": "AWS::DynamoDB::Table",
        }


def unparsed(definition: dict[str, Any]) -> list[str]:
    """Return the JSONata expressions that do not parse, each with its error."""
    found = []
    for value in values(definition):
        if isinstance(value, str) and value.startswith("{%"):
            try:
                Jsonata.jsonata(value.removeprefix("{%").removesuffix("%}").strip())
            except JException as error:
                found.append(f"{value}: {error}")
    return found


def test_expressions_parse(definition: dict[str, Any]) -> None:
    assert definition["QueryLanguage"] == "JSONata"
    assert unparsed(definition) == []


def test_expression_that_does_not_parse_is_found(definition: dict[str, Any]) -> None:
    broken = copy.deepcopy(definition)
    broken["States"]["Metadata"]["Assign"]["timings"] = "{% $merge([$timings, {'metadata': 1}) %}"
    (fault,) = unparsed(broken)
    assert "$merge" in fault
