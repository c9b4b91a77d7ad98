"""Tokens of the identity provider that tenants sign in at: RS256 or ES256, verified with its JSON Web Key Set."""

import jwt
from jwt import PyJWKClient
from jwt.exceptions import PyJWKClientConnectionError

from lambdas.core.access.grants import AccessRefusedError, Grant, parse_scopes
from lambdas.core.access.verification import key_id, refusal, require_algorithm, unverified_header
from lambdas.core.settings import Auth, Issuer

_FETCH_SECONDS = 3


def issuer_keys(url: str, auth: Auth) -> PyJWKClient:
    """Return the issuer's key set, cached as the settings say and read again for an unknown key id."""
    return PyJWKClient(url, lifespan=auth.keys_seconds, cooldown_duration=auth.refresh_seconds, timeout=_FETCH_SECONDS)


def verify_issuer_token(token: str, keys: PyJWKClient, auth: Auth, issuer: Issuer, tenants: frozenset[str]) -> Grant:
    """Return what ``token`` grants to one of ``tenants``.

    Raises:
        AccessRefusedError: the token is invalid, its tenant is unknown, or the issuer's keys cannot be read.
    """
    header = unverified_header(token, auth.max_token_bytes)
    require_algorithm(header, issuer.algorithms)
    try:
        key = keys.get_signing_key(key_id(header))
        claims = jwt.decode(
            token,
            key,  # a key verifies only with its own algorithm, whatever the token's header says
            algorithms=list(issuer.algorithms),
            audience=auth.audience,
            issuer=issuer.name,
            leeway=auth.leeway_seconds,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    # A key set that is not JSON raises ValueError.
    except (PyJWKClientConnectionError, jwt.PyJWKSetError, ValueError) as error:
        raise AccessRefusedError("The issuer's keys cannot be read now; try again", "unavailable") from error
    except jwt.PyJWKClientError as error:
        raise AccessRefusedError(
            "expected a token that names a key of the issuer (kid) but received an unknown key id"
        ) from error
    except jwt.PyJWTError as error:
        raise refusal(error, audience=auth.audience, issuer=issuer.name) from error
    tenant = claims.get(issuer.tenant_claim)
    if not isinstance(tenant, str) or tenant not in tenants:
        raise AccessRefusedError(
            f"expected a tenant in the claim {issuer.tenant_claim} but received {str(tenant)[:40]!r}"
        )
    return Grant(tenant, claims["sub"], parse_scopes(claims.get("scope")))
