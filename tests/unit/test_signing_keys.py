"""The table of signing keys: one item an owner, and writes that are refused if someone else wrote first."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from keys_tables import keys_table
from moto import mock_aws

from lambdas.authorize.tenant_keys import TenantKeys
from lambdas.core.access.signing_keys import KEY_BYTES, MalformedKeysError, SigningKeys, new_key
from lambdas.core.settings import load_settings
from lambdas.core.stores.signing_keys import HeldKeys, KeysChangedError, SigningKeysTable

AUTH = load_settings().auth
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
SECRET = b"secret words, no key"


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def table(dynamodb: Any) -> Iterator[SigningKeysTable]:
    with keys_table(dynamodb) as made:
        yield made


def held(table: SigningKeysTable, owner: str) -> HeldKeys:
    found = table.find(owner)
    assert found
    return found


@pytest.mark.parametrize("count", [250, pytest.param(1000, marks=pytest.mark.extra)])
def test_many_tenants_have_an_item_each(table: SigningKeysTable, dynamodb: Any, count: int) -> None:
    tenants = [f"tenant-{number}" for number in range(count)]
    first = table.create_missing(tenants[:-10])
    rotated = held(table, "tenant-0").keys.with_key("new", bytes(KEY_BYTES))
    table.replace("tenant-0", rotated, 1)
    second = table.create_missing(tenants)
    assert (len(first), len(second)) == (count - 10, 10)
    assert held(table, "tenant-0").keys == rotated, "no key is replaced"
    for tenant in ("tenant-0", "tenant-120", tenants[-1]):
        assert held(table, tenant).keys.signing.startswith(f"{tenant}-")
    item = dynamodb.get_item(TableName="test-signing-keys", Key={"owner": {"S": "tenant-0"}})["Item"]
    assert len(json.dumps(item, default=str)) < 1024, "expected a read to cost one unit"


def test_keys_are_read_as_written(table: SigningKeysTable) -> None:
    assert table.find("acme") is None
    made = SigningKeys.made_for("acme").with_key(*new_key("acme"))
    table.create_missing(["acme"])
    assert table.replace("acme", made, 1) == held(table, "acme") == HeldKeys(made, 2)
    assert made.others and made.signing not in made.others


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_write_is_refused_if_another_version_is_there(table: SigningKeysTable, version: int) -> None:
    table.create_missing(["acme"])
    now = table.replace("acme", SigningKeys.made_for("acme"), 1)
    with pytest.raises(KeysChangedError, match="of acme were changed by someone else meanwhile"):
        table.replace("acme", SigningKeys.made_for("acme"), version)
    assert held(table, "acme") == now


def test_keys_of_an_owner_that_is_gone_are_not_written_again(table: SigningKeysTable) -> None:
    with pytest.raises(KeysChangedError):
        table.replace("acme", SigningKeys.made_for("acme"), 1)
    assert table.find("acme") is None


def test_a_repeated_write_of_the_same_keys_has_succeeded(table: SigningKeysTable) -> None:
    """The client repeats a request whose response was lost."""
    table.create_missing(["acme"])
    keys = SigningKeys.made_for("acme")
    assert table.replace("acme", keys, 1) == table.replace("acme", keys, 1) == HeldKeys(keys, 2)


GOOD: dict[str, Any] = {
    "owner": {"S": "acme"},
    "version": {"N": "1"},
    "signing": {"S": "a"},
    "signing_since": {"S": NOW.isoformat()},
    "keys": {"M": {"a": {"B": bytes(KEY_BYTES)}}},
}


@pytest.mark.parametrize(
    "changes",
    [
        {"version": {"S": "first"}},
        {"signing": {"S": "b"}},
        {"signing_since": {"S": "yesterday"}},
        {"signing_since": {"S": "2026-11-01T06:00:00"}},
        {"keys": {"S": SECRET.decode()}},
        {"keys": {"M": {}}},
        {"keys": {"M": {"a": {"S": SECRET.decode()}}}},
        {"keys": {"M": {"a": {"B": SECRET}}}},
        {"keys": {"M": {"a": {"B": bytes(KEY_BYTES)}, "b": {"B": SECRET}}}},
    ],
    ids=str,
)
def test_a_malformed_item_is_refused_without_repeating_it(
    table: SigningKeysTable, dynamodb: Any, changes: dict[str, Any]
) -> None:
    dynamodb.put_item(TableName="test-signing-keys", Item=GOOD | changes)
    with pytest.raises(MalformedKeysError, match="expected ") as caught:
        table.find("acme")
    assert "secret words" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_repr_contains_no_key() -> None:
    keys = SigningKeys.made_for("acme")
    assert repr(keys.signing_key) not in f"{keys!r} {HeldKeys(keys, 1)!r}"


class Service:
    """Keys by tenant, with the reads counted."""

    def __init__(self) -> None:
        self.keys = {"acme": SigningKeys.made_for("acme")}
        self.reads: list[str] = []
        self.now = 0.0

    def read(self, tenant: str) -> SigningKeys | None:
        self.reads.append(tenant)
        return self.keys.get(tenant)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def cached(service: Service) -> TenantKeys:
    return TenantKeys(service.read, AUTH, most=3, clock=lambda: service.now)


def test_an_unknown_tenant_or_key_costs_one_read_in_refresh_seconds(cached: TenantKeys, service: Service) -> None:
    for second in range(AUTH.refresh_seconds):
        service.now = second
        assert cached.find("umbrella", "umbrella-1") is None
        assert cached.find("acme", "acme-unknown") is None
    assert service.reads == ["umbrella", "acme"]
    service.keys["umbrella"] = SigningKeys.made_for("umbrella")
    service.now = AUTH.refresh_seconds
    kid = service.keys["umbrella"].signing
    assert cached.find("umbrella", kid) == service.keys["umbrella"].signing_key


def test_a_rotation_and_a_retirement_take_effect_within_a_minute(cached: TenantKeys, service: Service) -> None:
    old = service.keys["acme"]
    assert cached.find("acme", old.signing) == old.signing_key
    kid, key = new_key("acme")
    service.keys["acme"] = old.with_key(kid, key).signed_by(kid).without_others()
    service.now = AUTH.refresh_seconds
    assert cached.find("acme", kid) == key
    assert cached.find("acme", old.signing) is None
    del service.keys["acme"]
    service.now += AUTH.keys_seconds
    assert cached.find("acme", kid) is None
    assert AUTH.refresh_seconds <= AUTH.keys_seconds <= 60


def test_a_known_tenant_is_read_once_in_keys_seconds(cached: TenantKeys, service: Service) -> None:
    kid = service.keys["acme"].signing
    for second in range(AUTH.keys_seconds):
        service.now = second
        assert cached.find("acme", kid)
    assert service.reads == ["acme"]


@pytest.mark.parametrize("tenant", ["", "UPPER", "a/b", "a b", "x" * 200, "acme\n"])
def test_what_is_no_tenants_name_is_never_read(cached: TenantKeys, service: Service, tenant: str) -> None:
    assert cached.find(tenant, "kid") is None
    assert service.reads == []


def test_the_cache_keeps_the_tenants_seen_last(cached: TenantKeys, service: Service) -> None:
    kid = service.keys["acme"].signing
    for number in range(5):
        assert cached.find("acme", kid)
        assert cached.find(f"unknown-{number}", "kid") is None
    assert service.reads.count("acme") == 1
    cached.find("unknown-0", "kid")
    assert service.reads.count("unknown-0") == 2
