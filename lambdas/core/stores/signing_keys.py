"""The secrets with keys that tokens are signed with: filled where they are empty, never replaced."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lambdas.core.access.image_token_keys import format_image_token_keys, new_image_token_keys, parse_image_token_keys
from lambdas.core.access.tenant_keys import (
    TenantKey,
    TenantKeys,
    format_tenant_keys,
    key_of,
    parse_tenant_keys,
    with_keys_for,
)

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def ensure_tenant_keys(client: "SecretsManagerClient", secret: str, tenants: Iterable[str]) -> list[str]:
    """Give each of ``tenants`` that has no key one; return the ids of the new keys.

    Raises:
        MalformedKeysError: the secret holds something else.
        ClientError: it cannot be read or written.
    """
    keys = parse_tenant_keys(_read(client, secret))
    wanted = with_keys_for(keys, tenants)
    added = sorted(set(wanted) - set(keys))
    if added:
        client.put_secret_value(SecretId=secret, SecretString=format_tenant_keys(wanted))
    return added


def ensure_image_token_keys(client: "SecretsManagerClient", secret: str) -> list[str]:
    """Make a key of image tokens if there is none; return its id, if it is new.

    Raises:
        MalformedKeysError: the secret holds something else.
        ClientError: it cannot be read or written.
    """
    held = _read(client, secret)
    if held:
        parse_image_token_keys(held)
        return []
    keys = new_image_token_keys()
    client.put_secret_value(SecretId=secret, SecretString=format_image_token_keys(keys))
    return [keys.signing]


def find_tenant_key(client: "SecretsManagerClient", secret: str, tenant: str) -> tuple[str, TenantKey] | None:
    """Return a key of ``tenant`` to sign with; None if it has none.

    Raises:
        MalformedKeysError: the secret holds something else.
        ClientError: it cannot be read.
    """
    keys: TenantKeys = parse_tenant_keys(_read(client, secret))
    return key_of(keys, tenant)


def _read(client: "SecretsManagerClient", secret: str) -> str:
    try:
        return client.get_secret_value(SecretId=secret).get("SecretString", "")
    except client.exceptions.ResourceNotFoundException:
        # A secret without a value is answered like one that is not there; writing will tell.
        return ""
