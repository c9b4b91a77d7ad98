"""Dead letters redriven and keys rotated: as deployments, and by hand."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from deployment_runs import FlowsHere, refusal
from lambdas.core.stores.secrets import ensure_tenant_keys
from lane import Lane, Original, pictures
from operations.keys.keyrings import NoTenantKeyError, TenantKeyring, TooSoonError

from flows.dead_letters import dead_letters
from flows.rotate_keys import rotate_keys
from flows.runtime.command_line import run_from_command_line
from infra.local.stack import LocalStack
from lambdas.core.access.image_tokens import parse_image_token_keys
from lambdas.core.access.tenant_tokens import parse_tenant_keys
from lambdas.core.keys import OriginalKey
from operations.dead_letters.queue import announcement
from operations.keys import keyrings

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
    wrong: Any = dead_letters(action="announce", names=["demo/nonsense"], dry_run=False, return_state=True)
    assert wrong.is_failed()
    assert "expected tenant/yyyy-mm-dd/imageId" in wrong.message


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


def test_an_unknown_lane_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_from_command_line(dead_letters, ["--lane", "nobody"]) == 2
    assert "expected a lane of shared, studio but received 'nobody'" in capsys.readouterr().err


def test_a_key_is_rotated_once_and_not_retired_too_early(
    stack: LocalStack, flows_here: FlowsHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both keys stay valid, for the tokens of other tests."""
    secret = stack.parameter("image-token-keys-secret")

    def held() -> tuple[str, set[str]]:
        keys = parse_image_token_keys(stack.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
        return keys.signing, set(keys.keys)

    monkeypatch.setattr(keyrings, "PROPAGATION_SECONDS", 0.0)
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


def test_a_tenants_old_key_is_valid_during_the_overlap(stack: LocalStack) -> None:
    """In a secret of its own: other tests sign with the stack's."""
    secrets, name = stack.client("secretsmanager"), "test/tenant-keys"
    secrets.create_secret(Name=name, SecretString="{}")
    try:
        ensure_tenant_keys(secrets, name, ["acme", "globex"])
        keyring = TenantKeyring(secrets, name, "acme", timedelta(days=14))
        old = keyring.state()
        assert old.others == []
        made = keyring.rotate()
        state = keyring.state()
        assert {state.signing, *state.others} == {old.signing, made.signing}
        with pytest.raises(TooSoonError, match="the tenant may sign with the old key until"):
            keyring.retire()
        assert len(keyring.retire(at_once=True).removed) == 1
        assert keyring.state().others == []
        keys = parse_tenant_keys(secrets.get_secret_value(SecretId=name)["SecretString"])
        assert sorted(key.tenant for key in keys.values()) == ["acme", "globex"]
        with pytest.raises(NoTenantKeyError, match="No key for tenant hooli"):
            TenantKeyring(secrets, name, "hooli", timedelta(days=14)).state()
    finally:
        secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tenant": "nobody"}, "expected a tenant of demo, studio but received 'nobody'"),
        ({"tenant": TENANT, "action": "publish"}, "expected publish without a tenant, for image tokens"),
    ],
)
def test_invalid_rotations_are_refused(parameters: dict[str, Any], message: str) -> None:
    state = refusal(rotate_keys, **parameters, dry_run=False)
    assert state.is_failed()
    assert message in state.message


def test_a_tenants_keys_are_shown_and_nothing_is_due() -> None:
    state: Any = rotate_keys(tenant=TENANT, dry_run=False, return_state=True)
    assert state.message.startswith(f"nothing: {TENANT}-")
