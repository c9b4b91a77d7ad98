"""Secrets Manager: the secrets that hold signing keys. They are filled where empty and never overwritten here."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lambdas.core.access.image_tokens import format_image_token_keys, new_image_token_keys, parse_image_token_keys
from lambdas.core.access.tenant_tokens import TenantKey, format_tenant_keys, key_of, parse_tenant_keys, with_keys_for

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def read_secret(client: "SecretsManagerClient", secret: str) -> str:
    """Return a secret's current text; empty if it has no value yet.

    Raises:
        ClientError: it cannot be read; a retry may help.
    """
    try:
        return client.get_secret_value(SecretId=secret).get("SecretString", "")
    except client.exceptions.ResourceNotFoundException:
        # The stack creates secrets without a value. Until one is filled, every token is rejected.
        return ""


def ensure_tenant_keys(client: "SecretsManagerClient", secret: str, tenants: Iterable[str]) -> list[str]:
    """Add a key for each of ``tenants`` that has none; return the ids of the new keys.

    Raises:
        MalformedKeysError: the secret holds something other than tenants' keys.
        ClientError: it cannot be read or written.
    """
    keys = parse_tenant_keys(read_secret(client, secret))
    wanted = with_keys_for(keys, tenants)
    added = sorted(set(wanted) - set(keys))
    if added:
        client.put_secret_value(SecretId=secret, SecretString=format_tenant_keys(wanted))
    return added


def ensure_image_token_keys(client: "SecretsManagerClient", secret: str) -> list[str]:
    """Make a key for image tokens if there is none; return its id if it is new.

    Raises:
        MalformedKeysError: the secret holds something other than image tokens' keys.
        ClientError: it cannot be read or written.
    """
    held = read_secret(client, secret)
    if held:
        parse_image_token_keys(held)
        return []
    keys = new_image_token_keys()
    client.put_secret_value(SecretId=secret, SecretString=format_image_token_keys(keys))
    return [keys.signing]


def find_tenant_key(client: "SecretsManagerClient", secret: str, tenant: str) -> tuple[str, TenantKey] | None:
    """Return the id and key that ``tenant`` signs with; None if it has none.

    Raises:
        MalformedKeysError: the secret holds something other than tenants' keys.
        ClientError: it cannot be read.
    """
    return key_of(parse_tenant_keys(read_secret(client, secret)), tenant)
