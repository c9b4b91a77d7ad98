"""Tokens that tenants sign themselves: HS256, the key id in the header, the tenant as issuer; and their keys.

The keys of all tenants are one secret: a JSON object of key id → tenant and key.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

import jwt
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lambdas.core.access.grants import AccessRefusedError, Grant, Scope, format_scopes, parse_scopes
from lambdas.core.access.signing_key import Key, malformed, new_key
from lambdas.core.access.verification import key_id, refusal, require_algorithm, unverified_header
from lambdas.core.keys import TENANT_PATTERN
from lambdas.core.settings import Auth

ALGORITHM = "HS256"


class TenantKey(BaseModel):
    """A key and the tenant it belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tenant: str = Field(pattern=TENANT_PATTERN)
    key: Key = Field(repr=False)
    made_at: AwareDatetime | None = Field(default=None, description="Unknown for keys that were not made here.")


TenantKeys = Mapping[str, TenantKey]
_KEYS: TypeAdapter[dict[str, TenantKey]] = TypeAdapter(
    dict[str, TenantKey], config=ConfigDict(hide_input_in_errors=True)
)


def parse_tenant_keys(text: str) -> TenantKeys:
    """Read the secret's text; an empty one holds no keys.

    Raises:
        MalformedKeysError: it is not a JSON object of key id → tenant and key.
    """
    try:
        return _KEYS.validate_json(text or "{}")
    except ValidationError as error:
        raise malformed("key id → tenant and key", error) from None


def format_tenant_keys(keys: TenantKeys) -> str:
    """Return the secret's text."""
    return json.dumps(
        {kid: key.model_dump(mode="json", exclude_none=True) for kid, key in keys.items()}, sort_keys=True
    )


def new_tenant_key(tenant: str) -> tuple[str, TenantKey]:
    """Make a random key for ``tenant``; return its id and the key."""
    now = datetime.now(UTC).replace(microsecond=0)
    return f"{tenant}-{secrets.token_hex(4)}", TenantKey(tenant=tenant, key=new_key(), made_at=now)


def made_at(key: TenantKey) -> datetime:
    """Return when a key was made; the earliest possible moment if that is unknown."""
    return key.made_at or datetime.min.replace(tzinfo=UTC)


def key_of(keys: TenantKeys, tenant: str) -> tuple[str, TenantKey] | None:
    """Return the id and key that ``tenant`` signs with, its newest; None if it has none."""
    own = [(made_at(key), kid) for kid, key in keys.items() if key.tenant == tenant]
    if not own:
        return None
    _, kid = max(own)
    return kid, keys[kid]


def with_keys_for(keys: TenantKeys, tenants: Iterable[str]) -> TenantKeys:
    """Return ``keys`` plus a new one for each of ``tenants`` that has none."""
    missing = [tenant for tenant in tenants if key_of(keys, tenant) is None]
    return {**keys, **dict(map(new_tenant_key, missing))}


def sign_tenant_token(
    kid: str, key: TenantKey, *, audience: str, scopes: frozenset[Scope], life: timedelta, subject: str | None = None
) -> str:
    """Return a token for ``key``'s tenant, valid for ``life`` from now."""
    now = datetime.now(UTC)
    claims = {
        "iss": key.tenant,
        "sub": subject or key.tenant,
        "aud": audience,
        "iat": now,
        "exp": now + life,
        "scope": format_scopes(scopes),
    }
    return jwt.encode(claims, key.key, algorithm=ALGORITHM, headers={"kid": kid})


def verify_tenant_token(
    token: str, find: Callable[[str], TenantKey | None], auth: Auth, tenants: frozenset[str]
) -> Grant:
    """Return what ``token`` grants to one of ``tenants``; ``find`` returns the key of a key id.

    Raises:
        AccessRefusedError: the token is invalid, or its tenant is unknown.
    """
    header = unverified_header(token, auth.max_token_bytes)
    require_algorithm(header, (ALGORITHM,))
    key = find(key_id(header))
    if key is None or key.tenant not in tenants:
        raise AccessRefusedError("expected a token that names a key of a tenant (kid) but received an unknown key id")
    try:
        claims = jwt.decode(
            token,
            key.key,
            algorithms=[ALGORITHM],
            audience=auth.audience,
            issuer=key.tenant,
            leeway=auth.leeway_seconds,
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.PyJWTError as error:
        raise refusal(error, audience=auth.audience, issuer=key.tenant) from error
    return Grant(key.tenant, claims.get("sub", key.tenant), parse_scopes(claims.get("scope")))
