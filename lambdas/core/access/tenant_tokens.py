"""Tokens that tenants sign themselves: HS256, the key id in the header, the tenant as issuer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jwt

from lambdas.core.access.refusal import AccessRefusedError
from lambdas.core.access.scopes import (
    Grant,
    Scope,
    format_scopes,
    parse_scopes,
)
from lambdas.core.access.tenant_keys import TenantKey
from lambdas.core.access.token_faults import (
    key_id,
    refusal,
    require_algorithm,
    unverified_header,
)
from lambdas.core.settings import Auth

ALGORITHM = "HS256"


def sign_tenant_token(
    kid: str, key: TenantKey, *, audience: str, scopes: frozenset[Scope], life: timedelta, subject: str | None = None
) -> str:
    """Return a token for ``key``'s tenant that is good for ``life`` from now on."""
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
    """Return what ``token`` grants to one of ``tenants``; ``find`` gives the key of a key id.

    Raises:
        AccessRefusedError: it grants nothing.
    """
    header = unverified_header(token, auth.max_token_bytes)
    require_algorithm(header, (ALGORITHM,))
    kid = key_id(header)
    key = find(kid)
    if key is None or key.tenant not in tenants:
        raise AccessRefusedError("expected a token that names a key of a tenant (kid) but received an unknown one")
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
