"""Authorize: the HTTP API's Lambda authorizer (payload format 2.0, simple responses)."""

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

from pydantic import Field

from lambdas.authorize.decision import decide
from lambdas.authorize.issuer_tokens import issuer_keys, verify_issuer_token
from lambdas.core.access.refusal import AccessRefusedError
from lambdas.core.access.scopes import Grant
from lambdas.core.access.tenant_keys import TenantKey, parse_tenant_keys
from lambdas.core.access.tenant_tokens import verify_tenant_token
from lambdas.core.cached_value import CachedValue
from lambdas.core.environment import Environment
from lambdas.core.observability import (
    LambdaContext,
    count,
    logger,
    observed,
)
from lambdas.core.settings import load_settings
from lambdas.core.stores.secrets import read_secret


class Variables(Environment):
    """What authorize is told by its environment."""

    tenant_keys_secret: Annotated[str, Field(alias="TENANT_KEYS_SECRET", min_length=1)]


def _tenant_verifier() -> Callable[[str], Grant]:
    settings = load_settings()
    auth, tenants = settings.auth, frozenset(settings.tenants)
    secret = Variables.read().tenant_keys_secret
    held = CachedValue(
        lambda: parse_tenant_keys(read_secret(secret)),
        seconds=auth.keys_seconds,
        refresh_seconds=auth.refresh_seconds,
    )

    def find(kid: str) -> TenantKey | None:
        try:
            return held.get().get(kid) or held.refreshed().get(kid)
        except Exception as error:
            logger.exception("The tenants' keys cannot be read")
            raise AccessRefusedError(
                "expected the tenants' keys but cannot read them; try again", "unavailable"
            ) from error

    return lambda token: verify_tenant_token(token, find, auth, tenants)


def _issuer_verifier() -> Callable[[str], Grant]:
    settings = load_settings()
    issuer = settings.auth.issuer
    assert issuer is not None  # noqa: S101 - the settings' model sees to it
    keys = issuer_keys(issuer.jwks_url, settings.auth)
    tenants = frozenset(settings.tenants)
    return lambda token: verify_issuer_token(token, keys, settings.auth, issuer, tenants)


@cache
def verifier() -> Callable[[str], Grant]:
    """Return what verifies a token as the settings say, with the keys that it holds from call to call."""
    return _issuer_verifier() if load_settings().auth.accepts == "issuer" else _tenant_verifier()


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Say for which tenant, and with which scopes, a request may go on."""
    decision = decide(event.get("headers") or {}, verifier())
    refused = decision["context"].get("refusal")
    if refused:
        logger.info("Caller refused", extra={"reason": refused})
        count("callers_refused")
    return dict(decision)
