"""``darkroom token``, ``keys`` and ``rotate-keys``: tokens for the API, and the keys that sign them."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer
from rich.markup import escape

from infra.command.deployment import Deployment, DeploymentError, OnAws, aws_errors
from infra.command.terminal import DryRun, approve_on_terminal, console, print_plan, reported_errors

if TYPE_CHECKING:
    from lambdas.core.access.grants import Scope
    from operations.keys.keyring import Keyring

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
        from lambdas.core.access.signing_keys import MalformedKeysError
        from lambdas.core.access.tenant_tokens import sign_tenant_token
        from lambdas.core.stores.signing_keys import SigningKeysTable
        from operations.keys.keyring import TENANT_KEYS_TABLE

        deployment = Deployment.chosen(on_aws=aws)
        table = SigningKeysTable(deployment.client("dynamodb"), deployment.parameter(TENANT_KEYS_TABLE))
        try:
            with aws_errors("the key cannot be read"):
                held = table.find(tenant)
        except MalformedKeysError as error:
            raise DeploymentError(f"tenant {tenant!r}: {error}") from error
        if held is None:
            raise DeploymentError(f"tenant {tenant!r} has no key; make missing keys: darkroom keys")
        typer.echo(
            sign_tenant_token(
                tenant,
                held.keys,
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
        from operations.keys.keyring import make_missing_keys

        deployment = Deployment.chosen(on_aws=aws)
        with aws_errors("the keys cannot be read and written"):
            made = make_missing_keys(deployment.settings, deployment.client, deployment.parameter)
        typer.echo(f"New keys: {', '.join(made)}" if made else "Every key is there.")


def rotate_keys(
    action: Annotated[
        Literal["due", "rotate", "retire", "publish"],
        typer.Argument(
            help="due: what is due by the age of the keys. rotate: create a key and sign with it. retire: remove the"
            " old one. publish: only send image-token keys to the edge.",
        ),
    ] = "due",
    *,
    tenant: Annotated[str | None, typer.Option(help="The tenant's keys. Default: those of image tokens.")] = None,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Retire a leaked key although its tokens are valid; asks for approval.")
    ] = False,
    dry_run: DryRun = True,
    aws: OnAws = False,
) -> None:
    """Rotate the keys that sign image tokens, or a tenant's.

    Tokens of the old key stay valid until it is retired. Does what the flow
    rotate_keys does, with the same safeguards.

    Example:
      darkroom rotate-keys --aws
      darkroom rotate-keys rotate --no-dry-run --aws
    """
    with reported_errors():
        from lambdas.core.access.signing_keys import MalformedKeysError
        from lambdas.core.stores.signing_keys import KeysChangedError
        from operations.approval import NotApprovedError
        from operations.discovery import UnknownTenantError
        from operations.keys.keyring import NoKeysError, TooSoonError
        from operations.keys.rotation import KeyPlan, WrongActionError, state_lines

        refusals = (MalformedKeysError, KeysChangedError, NoKeysError, TooSoonError, WrongActionError)
        try:
            with aws_errors("the keys cannot be changed"):
                deployment = Deployment.chosen(on_aws=aws)
                keyring = _keyring(deployment, tenant)
                plan = KeyPlan.make(keyring, action, deployment.settings.operations.key_days, at_once=at_once)
                console.print(escape("\n".join(state_lines(plan.state))), highlight=False)
                if dry_run or plan.step.action == "nothing":
                    print_plan(plan.sentence, dry_run=dry_run and plan.step.action != "nothing")
                    return
                # The local edge has a new key at once.
                patience = {} if aws else {"sleep": lambda _seconds: None}
                console.print(escape(plan.carry_out(keyring, approve_on_terminal, **patience)), highlight=False)
        except (NotApprovedError, UnknownTenantError, *refusals) as error:
            raise DeploymentError(str(error)) from error


def _scopes(names: list[str] | None) -> "frozenset[Scope]":
    from lambdas.core.access.grants import ALL_SCOPES

    unknown = sorted(set(names or ()) - set(ALL_SCOPES))
    if unknown:
        raise DeploymentError(f"expected scopes among {', '.join(ALL_SCOPES)} but received {', '.join(unknown)}")
    return frozenset(cast("list[Scope]", names) if names else ALL_SCOPES)


def _keyring(deployment: Deployment, tenant: str | None) -> "Keyring":
    from operations.discovery import chosen_tenants
    from operations.keys.keyring import Keyring

    settings, client, parameter = deployment.settings, deployment.client, deployment.parameter
    if tenant is None:
        return Keyring.of_image_tokens(settings, client, parameter)
    chosen_tenants(settings, tenant)
    return Keyring.of_tenant(settings, tenant, client, parameter)
