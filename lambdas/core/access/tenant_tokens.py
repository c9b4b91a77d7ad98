"""Tokens that tenants sign themselves: HS256, the key id in the header, the tenant as issuer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jwt

from lambdas.core.access.grants import AccessRefusedError, Grant, Scope, format_scopes, parse_scopes
from lambdas.core.access.signing_keys import SigningKeys
from lambdas.core.access.verification import key_id, refusal, require_algorithm, unverified_header, unverified_issuer
from lambdas.core.settings import Auth

ALGORITHM = "HS256"


def sign_tenant_token(
    tenant: str,
    keys: SigningKeys,
    *,
    audience: str,
    scopes: frozenset[Scope],
    life: timedelta,
    subject: str | None = None,
) -> str:
    """Return a token for ``tenant``, valid for ``life`` from now."""
    now = datetime.now(UTC)
    claims = {
        "iss": tenant,
        "sub": subject or tenant,
        "aud": audience,
        "iat": now,
        "exp": now + life,
        "scope": format_scopes(scopes),
    }
    return jwt.encode(claims, keys.signing_key, algorithm=ALGORITHM, headers={"kid": keys.signing})


def verify_tenant_token(
    token: str, find: Callable[[str, str], bytes | None], auth: Auth, tenants: frozenset[str]
) -> Grant:
    """Return what ``token`` grants to one of ``tenants``; ``find`` returns a tenant's key by its id.

    Raises:
        AccessRefusedError: the token is invalid, or its tenant is unknown.
    """
    header = unverified_header(token, auth.max_token_bytes)
    require_algorithm(header, (ALGORITHM,))
    kid, tenant = key_id(header), unverified_issuer(token)
    # An unknown tenant causes no read.
    key = find(tenant, kid) if tenant in tenants else None
    if key is None:
        raise AccessRefusedError("expected a token that names a key of a tenant (kid) but received an unknown key id")
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=auth.audience,
            issuer=tenant,
            leeway=auth.leeway_seconds,
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.PyJWTError as error:
        raise refusal(error, audience=auth.audience, issuer=tenant) from error
    return Grant(tenant, claims.get("sub", tenant), parse_scopes(claims.get("scope")))
