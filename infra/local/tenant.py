"""A tenant of the local stack: its token, API client and uploader."""

from datetime import timedelta

import httpx
from darkroom_client import Api, Journal, Observer, Uploader

from infra.local.errors import LocalStackError
from infra.local.stack import LocalStack
from lambdas.core.access.grants import ALL_SCOPES, Scope
from lambdas.core.access.tenant_tokens import sign_tenant_token
from lambdas.core.stores.signing_keys import SigningKeysTable
from operations.keys.keyring import TENANT_KEYS_TABLE

JOURNAL = "uploads.sqlite3"
_LIFE = timedelta(hours=12)


class UnknownTenantError(LocalStackError):
    """The settings have no such tenant, or it has no key."""


def tenant_token(
    stack: LocalStack,
    tenant: str,
    *,
    scopes: frozenset[Scope] = frozenset(ALL_SCOPES),
    life: timedelta = _LIFE,
) -> str:
    """Return a bearer token with which ``stack`` takes requests for ``tenant``.

    Raises:
        UnknownTenantError: it has no key.
    """
    held = SigningKeysTable(stack.client("dynamodb"), stack.parameter(TENANT_KEYS_TABLE)).find(tenant)
    if held is None:
        known = ", ".join(stack.settings.tenants)
        raise UnknownTenantError(f"expected a tenant of darkroom.toml ({known}) but received {tenant!r}")
    return sign_tenant_token(tenant, held.keys, audience=stack.settings.auth.audience, scopes=scopes, life=life)


def tenant_api(stack: LocalStack, tenant: str) -> Api:
    """Return a client of the stack's API for ``tenant``; without a proxy, as it is on loopback."""
    http = httpx.Client(trust_env=False, timeout=httpx.Timeout(60, connect=5))
    return Api(stack.upload_api, tenant_token(stack, tenant), http=http)


def tenant_uploader(
    stack: LocalStack,
    tenant: str,
    *,
    observer: Observer | None = None,
    resume: bool = False,
) -> Uploader:
    """Return an uploader for ``tenant``; with ``resume`` it has a journal, which is deleted with the stack."""
    api = tenant_api(stack, tenant)
    journal = Journal(stack.folder.home / JOURNAL, stack.upload_api) if resume else None
    return Uploader(api, journal=journal, observer=observer)
