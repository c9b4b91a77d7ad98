"""``darkroom token``, ``keys`` and ``rotate-keys``: tokens for the API, and the keys that sign them."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, cast

import typer

from infra.command.deployment import Deployment, DeploymentError, OnAws, aws_errors
from infra.command.terminal import reported_errors

if TYPE_CHECKING:
    from lambdas.core.access.grants import Scope
    from operations.keys.keyrings import TokenKeyring

_HOUR = 3600


def token(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant that it authorizes.")],
    *,
    scope: Annotated[
        list[str] | None, typer.Option(help="A scope to grant, such as images:write; repeatable. Default: all.")
    ] = None,
    seconds: Annotated[int, typer.Option(min=1, help="Lifetime in seconds.")] = _HOUR,
    subject: Annotated[str | None, typer.Option(help="Who uses it; appears in the logs.")] = None,
    aws: OnAws = False,
) -> None:
    """Print a bearer token for the upload API.

    Example:
      export DARKROOM_TOKEN=$(darkroom token demo --scope images:write)
    """
    with reported_errors():
        from lambdas.core.access.tenant_tokens import sign_tenant_token
        from lambdas.core.stores.secrets import find_tenant_key

        deployment = Deployment.chosen(on_aws=aws)
        with aws_errors("the key cannot be read"):
            found = find_tenant_key(
                deployment.client("secretsmanager"), deployment.parameter("tenant-keys-secret"), tenant
            )
        if found is None:
            raise DeploymentError(f"tenant {tenant!r} has no key; make missing keys: darkroom keys")
        kid, key = found
        typer.echo(
            sign_tenant_token(
                kid,
                key,
                audience=deployment.settings.auth.audience,
                scopes=_scopes(scope),
                life=timedelta(seconds=seconds),
                subject=subject,
            )
        )


def keys(*, aws: OnAws = False) -> None:
    """Make signing keys that are missing.

    One for each tenant of darkroom.toml and one for image tokens; existing keys
    are neither replaced nor shown. Run it on AWS after a deployment that adds a
    tenant. The local stack makes its keys when it starts.
    """
    with reported_errors():
        from lambdas.core.access.signing_key import MalformedKeysError
        from lambdas.core.stores.secrets import ensure_image_token_keys, ensure_tenant_keys

        deployment = Deployment.chosen(on_aws=aws)
        secrets = deployment.client("secretsmanager")
        tenant_keys, image_token_keys = map(deployment.parameter, ("tenant-keys-secret", "image-token-keys-secret"))
        try:
            with aws_errors("the keys cannot be read and written"):
                made = [
                    *ensure_tenant_keys(secrets, tenant_keys, deployment.settings.tenants),
                    *ensure_image_token_keys(secrets, image_token_keys),
                ]
        except MalformedKeysError as error:
            raise DeploymentError(f"a secret does not hold keys: {error}") from error
        typer.echo(f"New keys: {', '.join(made)}" if made else "Every key is there.")


def rotate_keys(
    *,
    retire: Annotated[bool, typer.Option("--retire", help="Delete every key but the one that signs.")] = False,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="With --retire: even while tokens of the old key are valid.")
    ] = False,
    publish: Annotated[bool, typer.Option("--publish", help="Only send the existing keys to the edge.")] = False,
    aws: OnAws = False,
) -> None:
    """Rotate the signing key of image tokens.

    Tokens of the old key stay valid until it is retired, a day later.

    Example:
      darkroom rotate-keys --aws
      darkroom rotate-keys --retire --aws
    """
    with reported_errors():
        from lambdas.core.access.signing_key import MalformedKeysError
        from operations.keys.keyrings import TooSoonError

        try:
            with aws_errors("the keys cannot be changed"):
                keyring = _keyring(on_aws=aws)
                if publish or retire:
                    changes = keyring.retire(at_once=at_once) if retire else keyring.publish()
                    typer.echo(f"Keys at the edge: {len(changes.added)} added, {len(changes.removed)} removed.")
                    return
                rotation = keyring.rotate() if aws else keyring.rotate(sleep=lambda _seconds: None)
        except (MalformedKeysError, TooSoonError) as error:
            raise DeploymentError(str(error)) from error
        typer.echo(f"{rotation.signing} signs from now on. After {rotation.retire_after:%Y-%m-%d %H:%M} UTC, run:")
        typer.echo(f"  darkroom rotate-keys --retire{' --aws' if aws else ''}")


def _scopes(names: list[str] | None) -> "frozenset[Scope]":
    from lambdas.core.access.grants import ALL_SCOPES

    unknown = sorted(set(names or ()) - set(ALL_SCOPES))
    if unknown:
        raise DeploymentError(f"expected scopes among {', '.join(ALL_SCOPES)} but received {', '.join(unknown)}")
    return frozenset(cast("list[Scope]", names) if names else ALL_SCOPES)


def _keyring(*, on_aws: bool) -> "TokenKeyring":
    from lambdas.core.settings import EDGE_REGION
    from operations.keys.edge_key_store import EdgeKeyStore
    from operations.keys.keyrings import TokenKeyring

    deployment = Deployment.chosen(on_aws=on_aws)
    secret = deployment.parameter("image-token-keys-secret")
    store_client = deployment.client("cloudfront-keyvaluestore", EDGE_REGION)
    store = EdgeKeyStore(store_client, deployment.parameter("image-token-store"))
    return TokenKeyring(deployment.client("secretsmanager"), secret, store, deployment.settings)
