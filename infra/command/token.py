"""``darkroom token``: a bearer token for a tenant."""

from datetime import timedelta
from typing import Annotated, cast

import typer

from infra.command.account import Account, AccountError, OnAws
from infra.command.terminal import explained
from lambdas.core.access.grants import ALL_SCOPES, Scope
from lambdas.core.access.tenant_tokens import sign_tenant_token
from lambdas.core.stores.secrets import find_tenant_key

_HOUR = 3600


def token(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose uploads it is for.")],
    *,
    scope: Annotated[list[str] | None, typer.Option(help="What it opens; everything if not said.")] = None,
    seconds: Annotated[int, typer.Option(min=1, help="Its life.")] = _HOUR,
    subject: Annotated[str | None, typer.Option(help="Who uses it, for the log.")] = None,
    aws: OnAws = False,
) -> None:
    """Print a bearer token with which the API takes requests for a tenant."""
    with explained():
        account = Account.chosen(on_aws=aws)
        found = find_tenant_key(account.secrets, account.parameter("tenant-keys-secret"), tenant)
        if found is None:
            raise AccountError(f"expected a tenant that has a key but received {tenant!r}; make keys: darkroom keys")
        kid, key = found
        typer.echo(
            sign_tenant_token(
                kid,
                key,
                audience=account.settings.auth.audience,
                scopes=_scopes(scope),
                life=timedelta(seconds=seconds),
                subject=subject,
            )
        )


def _scopes(named: list[str] | None) -> frozenset[Scope]:
    unknown = sorted(set(named or ()) - set(ALL_SCOPES))
    if unknown:
        raise AccountError(f"expected scopes among {', '.join(ALL_SCOPES)} but received {', '.join(unknown)}")
    return frozenset(cast("list[Scope]", named) if named else ALL_SCOPES)
