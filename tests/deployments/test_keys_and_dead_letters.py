"""Dead letters redriven and keys rotated: as deployments, by hand, and by the command with the same safeguards."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import Result
from deployment_runs import FlowsHere, refusal
from lane import Lane, Original, pictures
from typer.testing import CliRunner

from flows.dead_letters import dead_letters
from flows.rotate_keys import rotate_keys
from flows.runtime.command_line import run_from_command_line
from infra.command import app
from infra.local.stack import LocalStack
from infra.local.state import HOME_VARIABLE
from lambdas.core.access.signing_keys import IMAGE_TOKENS
from lambdas.core.keys import OriginalKey
from lambdas.core.settings import Settings, load_settings
from lambdas.core.stores.signing_keys import SigningKeysTable
from operations.dead_letters.queue import announcement
from operations.keys import keyring as keyring_module
from operations.keys.keyring import IMAGE_TOKEN_KEYS_TABLE, TENANT_KEYS_TABLE, Keyring

pytestmark = pytest.mark.usefixtures("flows_here")
TENANT = "demo"


@pytest.fixture
def lane(stack: LocalStack) -> Lane:
    return Lane(stack)


@pytest.fixture
def dead(stack: LocalStack, lane: Lane) -> Iterator[Original]:
    """Put the event of an original without an outcome into the dead-letter queue."""
    (original,) = pictures(1, TENANT, 64, 48)
    lane.put([original])
    lane.await_outcomes([original])
    lane.await_empty()
    stack.client("dynamodb").delete_item(
        TableName=stack.parameter("images-table"), Key={"image_id": {"S": original.image_id}}
    )
    queue = stack.parameter(f"lane-{lane.name}-dlq-url")
    message = announcement(stack.client("s3"), stack.parameter("originals-bucket"), OriginalKey.parse(original.key))
    stack.client("sqs").send_message(QueueUrl=queue, MessageBody=message)
    yield original
    lane.dead_letters.discard(lambda message: message.is_named(original.image_id))


def test_a_dead_letter_is_redriven_and_followed_to_its_outcome(
    flows_here: FlowsHere, lane: Lane, dead: Original
) -> None:
    dry: Any = dead_letters(action="redrive", names=[dead.image_id], return_state=True)
    assert dry.message == "dry run: 1 dead letter would be redriven"
    assert not lane.records([dead])
    done: Any = flows_here.run(dead_letters, "daily", action="redrive", names=[dead.image_id], dry_run=False)
    assert done.message == "1 of 1 dead letter redriven: 1 ready"
    assert lane.records([dead])[dead.image_id]["state"] == "ready"
    listed = flows_here.artifacts(done)["dead-letters-list"]["data"]
    assert dead.image_id in listed
    assert not any(message.is_named(dead.image_id) for message in lane.dead_letters.messages())


def test_an_original_without_a_message_is_announced(lane: Lane, dead: Original) -> None:
    lane.dead_letters.discard(lambda message: message.is_named(dead.image_id))
    state: Any = dead_letters(action="announce", names=[dead.key], dry_run=False, return_state=True)
    assert state.message == "1 of 1 originals announced: 1 ready"
    assert lane.records([dead])


def test_a_picture_that_was_too_costly_is_asked_for_again(stack: LocalStack, lane: Lane) -> None:
    (original,) = pictures(1, TENANT, 64, 48)
    lane.put([original])
    lane.await_outcomes([original])
    lane.await_empty()
    refused: Any = dead_letters(action="announce", names=[original.key], dry_run=False, return_state=True)
    assert refused.is_failed()
    assert f"rejected as too_costly, but {original.image_id} is ready" in refused.message
    too_costly = {"M": {"code": {"S": "too_costly"}, "message": {"S": "expected a picture that can be drawn"}}}
    stack.client("dynamodb").update_item(
        TableName=stack.parameter("images-table"),
        Key={"image_id": {"S": original.image_id}},
        UpdateExpression="SET #state = :rejected, rejection = :why, deaths = :deaths REMOVE metadata, derivatives",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":rejected": {"S": "rejected"}, ":why": too_costly, ":deaths": {"N": "2"}},
    )
    dry: Any = dead_letters(action="announce", names=[original.image_id], return_state=True)
    assert dry.message == "dry run: 1 of 1 originals would be announced"
    assert lane.records([original])[original.image_id]["state"] == "rejected"
    names = [original.image_id, "0" * 32]
    state: Any = dead_letters(action="announce", names=names, dry_run=False, return_state=True)
    assert state.name == "SomeRefused"
    assert state.message.startswith(
        "1 of 2 originals announced: 1 ready; not announced: No original is recorded of 000"
    )
    row = lane.records([original])[original.image_id]
    assert (row["state"], row.get("rejection"), row.get("deaths")) == ("ready", None, None)


def test_only_named_messages_are_discarded(lane: Lane, dead: Original, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run_from_command_line(
            dead_letters, ["--action", "discard", "--lane", lane.name, "--names", dead.image_id, "--no-dry-run"]
        )
        == 0
    )
    assert "1 of 1 dead letter discarded" in capsys.readouterr().out
    assert not any(message.is_named(dead.image_id) for message in lane.dead_letters.messages())


@pytest.fixture
def keyring(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyring]:
    """The keyring of a tenant; at the end it has its keys of before, with which other tests sign."""
    monkeypatch.setattr(keyring_module, "PROPAGATION_SECONDS", 0.0)
    table = SigningKeysTable(stack.client("dynamodb"), stack.parameter(TENANT_KEYS_TABLE))
    before = table.find(TENANT)
    assert before
    yield Keyring.of_tenant(stack.settings, TENANT, stack.client, stack.parameter)
    now = table.find(TENANT)
    assert now
    table.replace(TENANT, before.keys, now.version)


def test_a_key_is_rotated_once_and_not_retired_too_early(
    stack: LocalStack, flows_here: FlowsHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both keys stay valid, for the tokens of other tests."""
    table = SigningKeysTable(stack.client("dynamodb"), stack.parameter(IMAGE_TOKEN_KEYS_TABLE))

    def held() -> tuple[str, set[str]]:
        found = table.find(IMAGE_TOKENS)
        assert found
        return found.keys.signing, set(found.keys.keys)

    monkeypatch.setattr(keyring_module, "PROPAGATION_SECONDS", 0.0)
    before, _ = held()
    due: Any = flows_here.run(rotate_keys, "daily")
    assert due.message.startswith(f"nothing: {before} signs until it is 90 days old")
    state: Any = rotate_keys(action="rotate", dry_run=False, return_state=True)
    signing, kids = held()
    assert state.message.startswith(f"{signing} signs now; retire the old key from ")
    assert kids == {before, signing}
    again: Any = rotate_keys(action="rotate", dry_run=False, return_state=True)
    assert again.is_failed()
    assert f"expected one key before a rotation but {before} is valid beside {signing}" in again.message
    early: Any = rotate_keys(action="retire", dry_run=False, return_state=True)
    assert early.is_failed()
    assert "tokens of the old key are valid until" in early.message
    assert held() == (signing, {before, signing})


def test_a_tenants_keys_are_shown_and_nothing_is_due() -> None:
    state: Any = rotate_keys(tenant=TENANT, dry_run=False, return_state=True)
    assert state.message.startswith(f"nothing: {TENANT}-")


# Each row: the flow, its parameters, the command for the same, and why both refuse it.
REFUSED: list[tuple[Any, dict[str, Any], list[str], str]] = [
    (rotate_keys, {"tenant": "nobody"}, ["rotate-keys", "--tenant", "nobody"], "expected a tenant of demo, studio"),
    (
        rotate_keys,
        {"tenant": TENANT, "action": "publish"},
        ["rotate-keys", "publish", "--tenant", TENANT],
        "expected publish without a tenant, for image tokens",
    ),
    (
        rotate_keys,
        {"action": "rotate", "at_once": True},
        ["rotate-keys", "rotate", "--at-once"],
        "expected at once with retire only",
    ),
    (
        dead_letters,
        {"action": "redrive", "lane": "nobody", "names": ["x"]},
        ["dead-letters", "redrive", "x", "--lane", "nobody"],
        "expected a lane of shared, studio but received 'nobody'",
    ),
    (dead_letters, {"action": "redrive"}, ["dead-letters", "redrive"], "or everything but received none of these"),
    (
        dead_letters,
        {"action": "redrive", "because": "x", "everything": True},
        ["dead-letters", "redrive", "--all", "--because", "x"],
        "received all of these",
    ),
    (dead_letters, {"action": "discard"}, ["dead-letters", "discard"], "a part of the reason but received none"),
    (
        dead_letters,
        {"action": "announce", "names": ["demo/nonsense"]},
        ["dead-letters", "announce", "demo/nonsense"],
        "expected tenant/yyyy-mm-dd/imageId",
    ),
    (
        dead_letters,
        {"action": "announce", "names": ["0" * 32]},
        ["dead-letters", "announce", "0" * 32],
        "No original is recorded of 000",
    ),
]


def darkroom(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=answer, env={"COLUMNS": "300"})


@pytest.fixture
def _home(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(stack.folder.home))


@pytest.mark.usefixtures("_home")
@pytest.mark.parametrize(("flow", "parameters", "arguments", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_flow_and_command_refuse_the_same(
    flow: Any, parameters: dict[str, Any], arguments: list[str], message: str
) -> None:
    state = refusal(flow, **parameters, dry_run=False)
    assert state.is_failed()
    assert message in state.message
    result = darkroom(*arguments, "--no-dry-run")
    assert result.exit_code == 1
    assert message in result.output


def quick_to_give_up(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have flows of ``module`` wait a second for approval."""

    def load(stage: str) -> Settings:
        settings = load_settings(stage=stage)
        operations = settings.operations.model_copy(update={"approval_seconds": 1})
        return settings.model_copy(update={"operations": operations})

    monkeypatch.setattr(module, "load_settings", load)


ANSWERS = [("", "approval never came"), ("reject\n", "rejected"), ("yes\n", "rejected")]


@pytest.mark.usefixtures("_home")
def test_discarding_above_the_limit_needs_approval(lane: Lane, dead: Original, monkeypatch: pytest.MonkeyPatch) -> None:
    def waits() -> bool:
        return any(message.is_named(dead.image_id) for message in lane.dead_letters.messages())

    quick_to_give_up(sys.modules[dead_letters.fn.__module__], monkeypatch)
    parameters: Any = {"action": "discard", "names": [dead.image_id], "ask_above": 0}
    state: Any = dead_letters(**parameters, dry_run=False, return_state=True)
    assert (state.name, waits()) == ("ApprovalNeverCame", True)
    command = ("dead-letters", "discard", dead.image_id, "--ask-above", "0")
    assert "dry run: 1 dead letter would be discarded." in darkroom(*command, answer="approve\n").output
    assert waits()
    for answer, refused in ANSWERS:
        result = darkroom(*command, "--no-dry-run", answer=answer)
        assert result.exit_code == 1
        assert f"{refused}; nothing was changed" in result.output
        assert "1 messages will be deleted permanently" in result.output
        assert waits()
    assert darkroom(*command, "--no-dry-run", answer="approve\n").exit_code == 0
    assert not waits()


@pytest.mark.usefixtures("_home")
def test_retiring_a_key_at_once_needs_approval(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    old = keyring.state().signing
    assert "dry run: rotate" in darkroom("rotate-keys", "rotate", "--tenant", TENANT).output
    assert keyring.state().others == []
    rotated = darkroom("rotate-keys", "rotate", "--tenant", TENANT, "--no-dry-run")
    assert f"{keyring.state().signing} signs now" in rotated.output
    quick_to_give_up(sys.modules[rotate_keys.fn.__module__], monkeypatch)
    parameters: Any = {"tenant": TENANT, "action": "retire", "dry_run": False}
    early: Any = rotate_keys(**parameters, return_state=True)
    assert early.is_failed()
    assert "if it has leaked, retire it at once" in early.message
    state: Any = rotate_keys(**parameters, at_once=True, return_state=True)
    assert (state.name, keyring.state().others) == ("ApprovalNeverCame", [old])
    command = ("rotate-keys", "retire", "--tenant", TENANT, "--no-dry-run")
    assert "if it has leaked, retire it at once" in darkroom(*command, answer="approve\n").output
    for answer, refused in ANSWERS:
        result = darkroom(*command, "--at-once", answer=answer)
        assert result.exit_code == 1
        assert f"{refused}; nothing was changed" in result.output
        assert f"Every token of {old} will be refused" in result.output
        assert keyring.state().others == [old]
    assert f"{old} removed" in darkroom(*command, "--at-once", answer="approve\n").output
    assert keyring.state().others == []
