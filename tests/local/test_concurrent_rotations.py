"""Rotations at the same time: whoever is told that a key signs finds it there, in the table and at the edge."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from keys_tables import keys_table

from infra.local.stack import LocalStack
from lambdas.core.access.signing_keys import IMAGE_TOKENS, encode_key, new_key
from lambdas.core.settings import EDGE_REGION
from lambdas.core.stores.signing_keys import HeldKeys, KeysChangedError, SigningKeysTable
from operations.keys.edge_key_store import EdgeKeyStore
from operations.keys.keyring import Keyring, TooSoonError

OPERATORS = 8
OVERLAP = timedelta(days=14)


@pytest.fixture
def table(stack: LocalStack) -> Iterator[SigningKeysTable]:
    with keys_table(stack.client("dynamodb")) as made:
        yield made


@pytest.fixture
def store(stack: LocalStack) -> Iterator[EdgeKeyStore]:
    """The deployed key store; its content is restored."""
    store = EdgeKeyStore(stack.client("cloudfront-keyvaluestore", EDGE_REGION), stack.parameter("image-token-store"))
    before = store.read()
    yield store
    store.replace(lambda: before)


def held(table: SigningKeysTable, owner: str) -> HeldKeys:
    found = table.find(owner)
    assert found
    return found


def at_once(action: Callable[[], Any]) -> list[Any]:
    """Return the results of ``action`` in as many threads as there are operators; None where it was refused."""
    start = threading.Barrier(OPERATORS)

    def run(_operator: int) -> Any:
        start.wait()
        try:
            return action()
        except (KeysChangedError, TooSoonError):
            return None

    with ThreadPoolExecutor(OPERATORS) as threads:
        return list(threads.map(run, range(OPERATORS)))


def test_every_key_that_was_acknowledged_is_there(table: SigningKeysTable) -> None:
    table.create_missing(["acme"])

    def add_keys() -> list[str]:
        added: list[str] = []
        while len(added) < 4:
            keys, version = held(table, "acme")
            kid, key = new_key("acme")
            try:
                table.replace("acme", keys.with_key(kid, key), version)
            except KeysChangedError:
                continue
            added.append(kid)
        return added

    acknowledged = [kid for kids in at_once(add_keys) for kid in kids]
    assert len(set(acknowledged)) == OPERATORS * 4
    keys, version = held(table, "acme")
    assert set(acknowledged) <= set(keys.keys)
    assert version == 1 + len(acknowledged)


def test_of_rotations_at_once_one_is_done_and_the_others_are_told(table: SigningKeysTable) -> None:
    for tenant in ("acme", "globex", "initech"):
        table.create_missing([tenant])
        keyring = Keyring(table, tenant, OVERLAP)
        first = held(table, tenant).keys.signing
        (done,) = filter(None, at_once(keyring.rotate))
        keys = held(table, tenant).keys
        assert (keys.signing, keys.others) == (done.signing, [first])


def test_keys_are_made_once_however_many_make_them(table: SigningKeysTable) -> None:
    owners = [f"tenant-{number}" for number in range(5)]
    made = [kid for kids in at_once(lambda: table.create_missing(owners)) for kid in kids]
    assert sorted(made) == [held(table, owner).keys.signing for owner in owners]


def test_the_edge_ends_with_the_keys_of_the_table(table: SigningKeysTable, store: EdgeKeyStore) -> None:
    table.create_missing([IMAGE_TOKENS])
    keyring = Keyring(table, IMAGE_TOKENS, OVERLAP, store)
    (done,) = filter(None, at_once(lambda: keyring.rotate(sleep=lambda _seconds: None)))
    keys = held(table, IMAGE_TOKENS).keys
    assert keys.signing == done.signing
    assert store.read() == {kid: encode_key(key) for kid, key in keys.keys.items()}


def test_older_keys_never_replace_newer_ones_at_the_edge(store: EdgeKeyStore) -> None:
    asked: list[int] = []

    def older() -> dict[str, str]:
        asked.append(len(asked))
        if len(asked) == 1:
            store.replace(lambda: {"newer": "key"})
            return {"older": "key"}
        return {"newest": "key"}

    store.replace(older)
    assert (len(asked), store.read()) == (2, {"newest": "key"})


def test_a_rotation_during_a_retirement_leaves_the_signing_key_at_the_edge(
    table: SigningKeysTable, store: EdgeKeyStore
) -> None:
    """The retirement meets the key that another rotation has just made, before it signs."""
    table.create_missing([IMAGE_TOKENS])
    keyring = Keyring(table, IMAGE_TOKENS, OVERLAP, store)

    def retire(_seconds: float) -> None:
        keyring.retire(at_once=True)

    with pytest.raises(KeysChangedError):
        keyring.rotate(sleep=retire)
    keys = held(table, IMAGE_TOKENS).keys
    assert keys.others == []
    assert store.read() == {keys.signing: encode_key(keys.signing_key)}
    assert keyring.state().published
