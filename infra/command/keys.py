"""``darkroom keys``: a key for every tenant that has none."""

import typer
from botocore.exceptions import BotoCoreError, ClientError

from infra.command.account import Account, AccountError, OnAws
from infra.command.terminal import explained
from lambdas.core.access.signing_key import MalformedKeysError
from lambdas.core.stores.secrets import ensure_image_token_keys, ensure_tenant_keys


def keys(*, aws: OnAws = False) -> None:
    """Make the keys that are missing: one for each tenant of darkroom.toml, and one for image tokens.

    No key is replaced or shown. On AWS it is run once after a deployment that brings a tenant; the local
    stack makes its keys when it starts.
    """
    with explained():
        account = Account.chosen(on_aws=aws)
        tenant_keys, image_token_keys = map(account.parameter, ("tenant-keys-secret", "image-token-keys-secret"))
        try:
            made = [
                *ensure_tenant_keys(account.secrets, tenant_keys, account.settings.tenants),
                *ensure_image_token_keys(account.secrets, image_token_keys),
            ]
        except (BotoCoreError, ClientError, MalformedKeysError) as error:
            raise AccountError(f"expected secrets that can be read and written but received: {error}") from error
        typer.echo(f"New keys: {', '.join(made)}" if made else "Every key is there.")
