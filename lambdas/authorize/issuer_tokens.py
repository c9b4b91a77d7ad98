"""Tokens of an issuer that tenants sign in at: RS256 or ES256, its public keys read as a JSON Web Key Set."""

import jwt
from jwt import PyJWKClient
from jwt.exceptions import PyJWKClientConnectionError

from lambdas.core.access.refusal import AccessRefusedError
from lambdas.core.access.scopes import Grant, parse_scopes
from lambdas.core.access.token_faults import (
    key_id,
    refusal,
    require_algorithm,
    unverified_header,
)
from lambdas.core.settings import Auth, Issuer

_FETCH_SECONDS = 3


def issuer_keys(url: str, auth: Auth) -> PyJWKClient:
    """Return the issuer's key set: held for as long as the settings say, and read again on an unknown key id."""
    return PyJWKClient(url, lifespan=auth.keys_seconds, cooldown_duration=auth.refresh_seconds, timeout=_FETCH_SECONDS)


def verify_issuer_token(token: str, keys: PyJWKClient, auth: Auth, issuer: Issuer, tenants: frozenset[str]) -> Grant:
    """Return what ``token`` grants to one of ``tenants``.

    Raises:
        AccessRefusedError: it grants nothing, or the issuer's keys cannot be read.
    """
    header = unverified_header(token, auth.max_token_bytes)
    require_algorithm(header, issuer.algorithms)
    try:
        key = keys.get_signing_key(key_id(header))
        claims = jwt.decode(
            token,
            key,  # a key set's key verifies with its own algorithm only, whatever the token's header says
            algorithms=list(issuer.algorithms),
            audience=auth.audience,
            issuer=issuer.name,
            leeway=auth.leeway_seconds,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    # A key set that is no JSON raises json's own error.
    except (PyJWKClientConnectionError, jwt.PyJWKSetError, ValueError) as error:
        raise AccessRefusedError(
            "expected the issuer's keys but received no answer; try again", "unavailable"
        ) from error
    except jwt.PyJWKClientError as error:
        raise AccessRefusedError(
            "expected a token that names a key of the issuer (kid) but received an unknown one"
        ) from error
    except jwt.PyJWTError as error:
        raise refusal(error, audience=auth.audience, issuer=issuer.name) from error
    tenant = claims.get(issuer.tenant_claim)
    if not isinstance(tenant, str) or tenant not in tenants:
        raise AccessRefusedError(
            f"expected a tenant in the claim {issuer.tenant_claim} but received {str(tenant)[:40]!r}"
        )
    return Grant(tenant, claims["sub"], parse_scopes(claims.get("scope")))
