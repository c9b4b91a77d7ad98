"""Authorize: the HTTP API's Lambda authorizer (payload format 2.0, simple responses).

An HTTP API answers a denial with the fixed text ``{"message":"Forbidden"}``, whatever the reason. To explain a
refusal, it is passed on to the API as the request's context, and the API answers with a problem document. Every
route of the API requires a tenant, and the context of a refusal has none.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, TypedDict

from pydantic import Field

from lambdas.authorize.issuer_tokens import issuer_keys, verify_issuer_token
from lambdas.authorize.tenant_keys import TenantKeys
from lambdas.core.access.grants import AccessRefusedError, Grant, format_scopes
from lambdas.core.access.signing_keys import SigningKeys
from lambdas.core.access.tenant_tokens import verify_tenant_token
from lambdas.core.clients import dynamodb
from lambdas.core.environment import Environment
from lambdas.core.observability import LambdaContext, count, logger, observed
from lambdas.core.settings import load_settings
from lambdas.core.stores.signing_keys import SigningKeysTable


class Variables(Environment):
    """Environment variables of authorize."""

    tenant_keys_table: Annotated[str, Field(alias="TENANT_KEYS_TABLE", min_length=1)]


class Decision(TypedDict):
    """An authorizer's simple response (payload format 2.0)."""

    isAuthorized: bool
    context: dict[str, str]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return the tenant and scopes of a request, or the reason for refusing it."""
    decision = decide(event.get("headers") or {}, verifier())
    refused = decision["context"].get("refusal")
    if refused:
        logger.info("Caller refused", extra={"reason": refused})
        count("callers_refused")
    return dict(decision)


def decide(headers: Mapping[str, str], verify: Callable[[str], Grant]) -> Decision:
    """Verify the token in ``headers``, whose names are in lower case, as an HTTP API sends them."""
    try:
        grant = verify(_bearer_token(headers))
    except AccessRefusedError as error:
        return {"isAuthorized": True, "context": {"refusal": error.message, "refusal_kind": error.kind}}
    context = {"tenant": grant.tenant, "subject": grant.subject, "scopes": format_scopes(grant.scopes)}
    return {"isAuthorized": True, "context": context}


def _bearer_token(headers: Mapping[str, str]) -> str:
    value = headers.get("authorization", "")
    if not value:
        raise AccessRefusedError("expected the header Authorization: Bearer <token> but received none", "missing")
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AccessRefusedError(f"expected Authorization: Bearer <token> but received the scheme {scheme[:20]!r}")
    return token.strip()


@cache
def verifier() -> Callable[[str], Grant]:
    """Return the function that verifies a token as the settings require; it caches keys between calls."""
    return _issuer_verifier() if load_settings().auth.accepts == "issuer" else _tenant_verifier()


def _tenant_verifier() -> Callable[[str], Grant]:
    settings = load_settings()
    auth, tenants = settings.auth, frozenset(settings.tenants)
    table = SigningKeysTable(dynamodb(), Variables.read().tenant_keys_table)

    def read(tenant: str) -> SigningKeys | None:
        held = table.find(tenant)
        return held.keys if held else None

    cached = TenantKeys(read, auth)

    def find(tenant: str, kid: str) -> bytes | None:
        try:
            return cached.find(tenant, kid)
        except Exception as error:
            logger.exception("A tenant's keys cannot be read")
            raise AccessRefusedError(
                "The tenant's keys cannot be read at the moment; try again", "unavailable"
            ) from error

    return lambda token: verify_tenant_token(token, find, auth, tenants)


def _issuer_verifier() -> Callable[[str], Grant]:
    settings = load_settings()
    issuer = settings.auth.issuer
    assert issuer is not None  # noqa: S101 - the settings' model requires it
    keys = issuer_keys(issuer.jwks_url, settings.auth)
    tenants = frozenset(settings.tenants)
    return lambda token: verify_issuer_token(token, keys, settings.auth, issuer, tenants)
