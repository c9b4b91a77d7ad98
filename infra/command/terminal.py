"""What the commands say on the terminal: steps with their seconds, tables, and errors a person can act on."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import typer
from darkroom_client import ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.local.errors import LocalStackError
from infra.local.parts import LAB, PREFECT
from infra.local.stack import LocalStack
from infra.synth import SynthesisError
from lambdas.core.keys import MalformedKeyError
from lambdas.core.settings import SettingsError

console = Console()
_errors = Console(stderr=True)


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors that a person can act on into their message and exit status 1."""
    try:
        yield
    except (ClientError, LocalStackError, SynthesisError, SettingsError, MalformedKeyError) as error:
        _errors.print(f"[bold red]✗[/] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        _errors.print("[yellow]Interrupted.[/]")
        raise typer.Exit(130) from None


class Steps:
    """A list of steps as they are done, each with its seconds; the running one turns on a terminal."""

    def __init__(self) -> None:
        self._status = console.status("")
        self._current: str | None = None
        self._since = 0.0

    def __enter__(self) -> Self:
        if sys.stdout.isatty():
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()
        self._finish("[green]✓[/]" if error is None else "[red]✗[/]")

    def announce(self, step: str) -> None:
        """End the running step and begin ``step``."""
        self._finish("[green]✓[/]")
        self._current, self._since = step, time.monotonic()
        self._status.update(f"{escape(step)} …")

    def _finish(self, mark: str) -> None:
        if self._current is not None:
            console.print(f"{mark} {escape(self._current)} [dim]{time.monotonic() - self._since:.1f} s[/]")
        self._current = None


def print_addresses(stack: LocalStack) -> None:
    """Print where everything is, and what to do next."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("Pictures", f"{stack.edge_url}/img/[dim]ID[/]?w=800")
    table.add_row("Upload API", f"{stack.upload_api}/uploads")
    table.add_row("AWS", stack.endpoint.url)
    table.add_row("Athena", stack.environment()["AWS_ENDPOINT_URL_ATHENA"])
    if stack.has(PREFECT):
        table.add_row("Prefect", stack.prefect_url)
    if stack.has(LAB):
        table.add_row("JupyterLab", stack.lab_url)
    table.add_row("Logs", str(stack.folder.logs))
    console.print(table)
    console.print(
        "\nNext: [bold]darkroom upload photo.jpg[/]   [bold]darkroom url ID -w 800[/]   [bold]darkroom status[/]"
        '\nFlows and notebooks: [bold]eval "$(darkroom env)"[/]   The end: [bold]darkroom down[/]'
    )
