"""``darkroom find``: what the stacks published, such as the addresses of a deployment."""

from typing import Annotated

import typer

from infra.command.account import Account, OnAws
from infra.command.terminal import explained

Thing = Annotated[str | None, typer.Argument(metavar="[THING]", help="Such as upload-api-url; left out, everything.")]


def find(thing: Thing = None, *, aws: OnAws = False) -> None:
    """Print where something is that the stacks made, as they published it."""
    with explained():
        account = Account.chosen(on_aws=aws)
        if thing is not None:
            typer.echo(account.parameter(thing))
            return
        for name, value in account.published().items():
            typer.echo(f"{name}\t{value}")
