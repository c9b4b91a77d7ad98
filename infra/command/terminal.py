"""Terminal output shared by the commands: steps with their seconds, sizes and durations, and errors as one line."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.markup import escape

console = Console()
_errors = Console(stderr=True)

_ROOT = Path(__file__).resolve().parents[2]
_NEEDS_CHECKOUT = (
    "this command uses the local stack, which needs a checkout of Darkroom with its packages ({missing}). "
    "In a checkout run: make up. To operate a deployment on AWS, add --aws where the command has it."
)
_APPROVED = "approve"
_UNITS = ("B", "KB", "MB", "GB", "TB")


@contextmanager
def reported_errors() -> Iterator[None]:
    """Print errors that the user can act on as one line and exit with status 1; Ctrl-C exits with 130."""
    try:
        yield
    except KeyboardInterrupt:
        _errors.print("[yellow]Interrupted.[/]")
        raise typer.Exit(130) from None
    except ModuleNotFoundError as error:
        _fail(_NEEDS_CHECKOUT.format(missing=f"missing here: {error.name}"), error)
    except Exception as error:
        if not isinstance(error, _user_errors()):
            raise
        _fail(str(error), error)


def _fail(message: str, error: Exception) -> None:
    _errors.print(f"[bold red]✗[/] {escape(message)}", soft_wrap=True)
    raise typer.Exit(1) from error


def _user_errors() -> tuple[type[Exception], ...]:
    from darkroom_client import ClientError

    from infra.local.errors import LocalStackError
    from infra.synth import SynthesisError
    from lambdas.core.keys import MalformedKeyError
    from lambdas.core.settings import SettingsError

    return ClientError, LocalStackError, SynthesisError, SettingsError, MalformedKeyError


DryRun = Annotated[
    bool, typer.Option("--dry-run/--no-dry-run", help="Only show what would be changed.", show_default=True)
]
"""The option of every command that changes what a flow changes too, with the flow's default."""


def print_plan(sentence: str, *, dry_run: bool) -> None:
    """Print what a command would do."""
    hint = " To do it, add --no-dry-run." if dry_run else ""
    console.print(escape(f"{'dry run: ' if dry_run else ''}{sentence}.{hint}"), highlight=False)


def approve_on_terminal(warning: str) -> None:
    """Show a warning and ask for approval: ``operations.approval.Approve`` for commands.

    Raises:
        NotApprovedError: the answer is another, or there is none.
    """
    from rich.markdown import Markdown

    from operations.approval import NotApprovedError

    console.print(Markdown(warning))
    try:
        answer = typer.prompt(f"Type {_APPROVED} to proceed", default="", show_default=False)
    except typer.Abort:
        raise NotApprovedError("approval never came; nothing was changed", rejected=False) from None
    if answer.strip() != _APPROVED:
        raise NotApprovedError("rejected; nothing was changed", rejected=True)


def require_checkout() -> None:
    """Exit with an explanation if this is an installed wheel: the local stack is started from a checkout only."""
    if not (_ROOT / "cdk.json").is_file():
        _errors.print(f"[bold red]✗[/] {_NEEDS_CHECKOUT.format(missing='this is an installed wheel')}", soft_wrap=True)
        raise typer.Exit(1)


class Steps:
    """Prints steps as they finish, each with its seconds; on a terminal, a spinner shows the current one."""

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
        """Finish the current step and start ``step``."""
        self._finish("[green]✓[/]")
        self._current, self._since = step, time.monotonic()
        self._status.update(f"{escape(step)} …")

    def _finish(self, mark: str) -> None:
        if self._current is not None:
            console.print(f"{mark} {escape(self._current)} [dim]{time.monotonic() - self._since:.1f} s[/]")
        self._current = None


def format_size(count: int) -> str:
    """Format a number of bytes with a decimal unit and two or three digits: ``3.9 MB``."""
    amount = float(count)
    for unit in _UNITS[:-1]:
        if amount < 999.5:
            return f"{amount:.1f} {unit}" if unit != "B" and amount < 9.95 else f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} {_UNITS[-1]}"


def format_duration(seconds: float) -> str:
    """Format a time: ``4 ms``, ``1.8 s``, ``2 min 05 s``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s"


def format_count(number: int, singular: str) -> str:
    """Format a number with its noun: ``1 picture``, ``5 pictures``."""
    return f"{number:,} {singular}{'' if number == 1 else 's'}"
