"""The keys with which tenants sign their tokens: one secret, a JSON object of key id → tenant and key."""

import json
import secrets
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lambdas.access.signing_key import Key, malformed, new_key
from lambdas.keys import TENANT_PATTERN


class TenantKey(BaseModel):
    """One key and whose it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tenant: str = Field(pattern=TENANT_PATTERN)
    key: Key = Field(repr=False)


TenantKeys = Mapping[str, TenantKey]
_KEYS: TypeAdapter[dict[str, TenantKey]] = TypeAdapter(
    dict[str, TenantKey], config=ConfigDict(hide_input_in_errors=True)
)


def parse_tenant_keys(text: str) -> TenantKeys:
    """Read the secret; an empty one holds no keys.

    Raises:
        MalformedKeysError: it is no such JSON object.
    """
    try:
        return _KEYS.validate_json(text or "{}")
    except ValidationError as error:
        raise malformed("key id → tenant and key", error) from None


def format_tenant_keys(keys: TenantKeys) -> str:
    """Write the secret."""
    return json.dumps({kid: key.model_dump(mode="json") for kid, key in keys.items()}, sort_keys=True)


def new_tenant_key(tenant: str) -> tuple[str, TenantKey]:
    """Make a random key for ``tenant``, and the id that its tokens will name."""
    return f"{tenant}-{secrets.token_hex(4)}", TenantKey(tenant=tenant, key=new_key())


def key_of(keys: TenantKeys, tenant: str) -> tuple[str, TenantKey] | None:
    """Return a key of ``tenant`` to sign with, the same at every call; None where it has none."""
    return next(((kid, key) for kid, key in sorted(keys.items()) if key.tenant == tenant), None)


def with_keys_for(keys: TenantKeys, tenants: Iterable[str]) -> TenantKeys:
    """Return ``keys`` and a new one for each of ``tenants`` that has none."""
    missing = [tenant for tenant in tenants if key_of(keys, tenant) is None]
    return {**keys, **dict(map(new_tenant_key, missing))}
