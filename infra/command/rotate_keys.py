"""``darkroom rotate-keys``: the keys of image tokens, changed while two of them are good."""

from typing import Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from infra.command.account import Account, AccountError, OnAws
from infra.command.terminal import explained
from infra.local.stack import LocalStack
from lambdas.core.access.signing_key import MalformedKeysError
from lambdas.core.settings import EDGE_REGION
from operations.keys.edge_key_store import EdgeKeyStore
from operations.keys.image_token_keys import TokenKeyring, TooSoonError

Retire = Annotated[bool, typer.Option("--retire", help="Forget every key but the one that signs.")]
AtOnce = Annotated[
    bool, typer.Option("--at-once", help="With --retire: although tokens of the old key are still good.")
]
Publish = Annotated[bool, typer.Option("--publish", help="Only make the edge know the keys that there are.")]


def rotate_keys(
    *, retire: Retire = False, at_once: AtOnce = False, publish: Publish = False, aws: OnAws = False
) -> None:
    """Sign image tokens with a new key; the old one's stay good until it is retired (--retire, a day later)."""
    with explained():
        try:
            keyring = _keyring(on_aws=aws)
            if publish or retire:
                changes = keyring.retire(at_once=at_once) if retire else keyring.publish()
                typer.echo(f"The edge learnt {len(changes.added)} keys and forgot {len(changes.removed)}.")
                return
            rotation = keyring.rotate() if aws else keyring.rotate(sleep=lambda _seconds: None)
        except (BotoCoreError, ClientError, MalformedKeysError, TooSoonError) as error:
            raise AccountError(str(error)) from error
        typer.echo(f"{rotation.signing} signs from now on. From {rotation.retire_after:%Y-%m-%d %H:%M} UTC on:")
        typer.echo("  darkroom rotate-keys --retire")


def _keyring(*, on_aws: bool) -> TokenKeyring:
    account = Account.chosen(on_aws=on_aws)
    client = (
        boto3.client("cloudfront-keyvaluestore", region_name=EDGE_REGION)
        if on_aws
        else LocalStack.attach().client("cloudfront-keyvaluestore", EDGE_REGION)
    )
    secret = account.parameter("image-token-keys-secret")
    store = EdgeKeyStore(client, account.parameter("image-token-store"))
    return TokenKeyring(account.secrets, secret, store, account.settings)
