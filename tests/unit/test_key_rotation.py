"""What is due with keys by their age, what a plan refuses, and what needs approval."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from keys_tables import keys_table
from moto import mock_aws

from lambdas.core.access.signing_keys import SigningKeys
from lambdas.core.stores.signing_keys import KeysChangedError, SigningKeysTable
from operations.approval import NotApprovedError
from operations.keys.keyring import Keyring, KeyState, NoKeysError, TooSoonError
from operations.keys.rotation import Action, KeyPlan, WrongActionError, due

CHANGED = datetime(2026, 11, 1, 6, tzinfo=UTC)
OVERLAP = timedelta(days=14)


@pytest.mark.parametrize(
    ("others", "age", "action", "why"),
    [
        ([], timedelta(days=1), "nothing", "new signs until it is 90 days old, on 2027-01-30"),
        ([], timedelta(days=90), "rotate", "new has signed since 2026-11-01"),
        (["old"], timedelta(hours=23), "nothing", "old can be retired from 2026-11-02 06:00 UTC on"),
        (["old"], timedelta(days=1), "retire", "no token of old is valid any more"),
        (["old"], timedelta(days=200), "retire", "no token of old is valid any more"),
    ],
    ids=["young", "old", "overlapping", "overlap-over", "old-key-before-a-new-one"],
)
def test_what_is_due(others: list[str], age: timedelta, action: str, why: str) -> None:
    state = KeyState("new", others, CHANGED, CHANGED + timedelta(days=1))
    assert due(state, CHANGED + age, key_days=90) == (action, why)
    unpublished = due(state._replace(published=False), CHANGED + age, key_days=90)
    assert unpublished.action == "publish", "what an interrupted run left to do comes first"


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")


@pytest.fixture
def table(dynamodb: Any) -> Iterator[SigningKeysTable]:
    with keys_table(dynamodb) as made:
        yield made


@pytest.fixture
def keyring(table: SigningKeysTable) -> Keyring:
    table.create_missing(["acme", "globex"])
    return Keyring(table, "acme", OVERLAP)


def keys(table: SigningKeysTable, owner: str = "acme") -> SigningKeys:
    held = table.find(owner)
    assert held
    return held.keys


def approve(_warning: str) -> None:
    pass


def refuse(_warning: str) -> None:
    raise NotApprovedError("rejected; nothing was changed", rejected=True)


def test_a_rotation_keeps_the_old_key_until_its_overlap_is_over(keyring: Keyring, table: SigningKeysTable) -> None:
    before, others = keys(table), keys(table, "globex")
    made = keyring.rotate()
    after = keys(table)
    assert (after.signing, after.others) == (made.signing, [before.signing])
    assert made.retire_after == after.signing_since + OVERLAP
    for change in (keyring.rotate, keyring.retire):
        with pytest.raises(TooSoonError):
            change()
    assert keys(table) == after
    past = after.model_copy(update={"signing_since": after.signing_since - OVERLAP})
    table.replace("acme", past, 2)
    assert keyring.retire().removed == [before.signing]
    assert set(keys(table).keys) == {made.signing}
    assert keys(table, "globex") == others


def test_an_owner_without_keys_is_refused(table: SigningKeysTable) -> None:
    nobody = Keyring(table, "umbrella", OVERLAP)
    for action in (nobody.state, nobody.rotate, nobody.retire):
        with pytest.raises(NoKeysError, match="No keys for umbrella: darkroom keys makes them"):
            action()


REFUSED: list[tuple[bool, Action, bool, type[Exception], str]] = [
    (False, "publish", False, WrongActionError, "expected publish without a tenant"),
    (False, "rotate", True, WrongActionError, "expected at once with retire only but received it with rotate"),
    (False, "due", True, WrongActionError, "received it with due"),
    (True, "rotate", False, TooSoonError, "expected one key before a rotation"),
    (True, "retire", False, TooSoonError, "if it has leaked, retire it at once"),
]


@pytest.mark.parametrize(("rotated", "action", "at_once", "error", "message"), REFUSED)
def test_a_plan_refuses_what_is_not_possible(
    keyring: Keyring, *, rotated: bool, action: Action, at_once: bool, error: type[Exception], message: str
) -> None:
    if rotated:
        keyring.rotate()
    with pytest.raises(error, match=message):
        KeyPlan.make(keyring, action, 90, at_once=at_once)


def test_a_retirement_at_once_needs_approval(keyring: Keyring, table: SigningKeysTable) -> None:
    keyring.rotate()
    before = keys(table)
    plan = KeyPlan.make(keyring, "retire", 90, at_once=True)
    assert before.others[0] in plan.warning
    with pytest.raises(NotApprovedError):
        plan.carry_out(keyring, refuse)
    assert keys(table) == before
    assert plan.carry_out(keyring, approve) == f"{before.others[0]} removed"
    assert keys(table) == before.without_others()


@pytest.mark.parametrize("action", ["due", "rotate"])
def test_what_breaks_no_token_needs_no_approval(keyring: Keyring, table: SigningKeysTable, action: Action) -> None:
    KeyPlan.make(keyring, action, 0, at_once=False).carry_out(keyring, refuse)
    assert len(keys(table).keys) == 2


def test_only_the_keys_that_were_approved_are_retired(keyring: Keyring, table: SigningKeysTable) -> None:
    """While a person decides, somebody else retires the key and rotates again."""
    keyring.rotate()
    plan = KeyPlan.make(keyring, "retire", 90, at_once=True)

    def meanwhile(_warning: str) -> None:
        keyring.retire(at_once=True)
        keyring.rotate()

    with pytest.raises(KeysChangedError):
        plan.carry_out(keyring, meanwhile)
    assert len(keys(table).keys) == 2
