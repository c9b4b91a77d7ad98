"""``darkroom env``: the environment by which AWS SDKs find the local stack."""

import shlex

import typer

from infra.command.terminal import explained
from infra.local.stack import LocalStack


def env() -> None:
    """Print the environment that flows, notebooks and AWS tools need: eval "$(darkroom env)"."""
    with explained():
        for name, value in LocalStack.attach().environment().items():
            typer.echo(f"export {name}={shlex.quote(value)}")
