"""The keys with which tenants sign their tokens: one secret, a JSON object of key id → tenant and key."""

import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lambdas.core.access.signing_key import Key, malformed, new_key
from lambdas.core.keys import TENANT_PATTERN


class TenantKey(BaseModel):
    """One key and whose it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tenant: str = Field(pattern=TENANT_PATTERN)
    key: Key = Field(repr=False)
    made_at: AwareDatetime | None = Field(default=None, description="Not known of keys that others put there.")


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
    return json.dumps(
        {kid: key.model_dump(mode="json", exclude_none=True) for kid, key in keys.items()}, sort_keys=True
    )


def new_tenant_key(tenant: str) -> tuple[str, TenantKey]:
    """Make a random key for ``tenant``, and the id that its tokens will name."""
    now = datetime.now(UTC).replace(microsecond=0)
    return f"{tenant}-{secrets.token_hex(4)}", TenantKey(tenant=tenant, key=new_key(), made_at=now)


def made_at(key: TenantKey) -> datetime:
    """Return when a key was made; long ago where that is not known."""
    return key.made_at or datetime.min.replace(tzinfo=UTC)


def key_of(keys: TenantKeys, tenant: str) -> tuple[str, TenantKey] | None:
    """Return the newest key of ``tenant``, to sign with; None where it has none."""
    own = [(made_at(key), kid) for kid, key in keys.items() if key.tenant == tenant]
    if not own:
        return None
    _, kid = max(own)
    return kid, keys[kid]


def with_keys_for(keys: TenantKeys, tenants: Iterable[str]) -> TenantKeys:
    """Return ``keys`` and a new one for each of ``tenants`` that has none."""
    missing = [tenant for tenant in tenants if key_of(keys, tenant) is None]
    return {**keys, **dict(map(new_tenant_key, missing))}
