"""Run the benchmarks: ``python -m tests.bench [--only NAME]``; exits with 1 where a target is missed."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tests.bench.targets import Target, targets_table

_LOG_WIDTH = 120  # columns, where the output is no terminal
OUT = Path(__file__).resolve().parents[2] / "build" / "bench"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def benchmarks() -> list[str]:
    """Return the names of the benchmarks there are: every package here that has a ``benchmark`` module."""
    return sorted(found.parent.name for found in Path(__file__).parent.glob("*/benchmark.py"))


@app.command()
def bench(
    only: Annotated[str | None, typer.Option(help="Name of the one benchmark to run.")] = None,
    out: Annotated[Path, typer.Option(help="Where figures and charts are written.")] = OUT,
) -> None:
    """Run every benchmark, or one, and print its figures as ratios."""
    console = Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    names = benchmarks()
    if only is not None and only not in names:
        console.print(f"[red]expected one of {', '.join(names)} but received {only!r}[/]")
        raise typer.Exit(2)
    out.mkdir(parents=True, exist_ok=True)
    missed: list[Target] = []
    for name in [only] if only else names:
        console.rule(name)
        targets: list[Target] = import_module(f"tests.bench.{name}.benchmark").run(console, out)
        console.print(targets_table(targets))
        missed += [target for target in targets if not target.met]
    if missed:
        console.print(f"[red]{len(missed)} missed:[/] {', '.join(target.name for target in missed)}")
        raise typer.Exit(1)


if __name__ == "__main__":
    app(prog_name="python -m tests.bench")
