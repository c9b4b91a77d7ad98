"""``darkroom settings``: every setting's value, where it comes from and what it means."""

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from infra.command.terminal import console, reported_errors

if TYPE_CHECKING:
    from infra.command.settings.catalogue import Setting


def settings(
    *,
    stage: Annotated[
        str | None, typer.Option(envvar="DARKROOM_STAGE", help="A stage of the file.", show_default="dev")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Defaults too, not only what the file sets.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only validate every stage of the file.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/settings.md.")] = False,
) -> None:
    """Show a stage's settings, their sources and meanings.

    The file is the one that DARKROOM_SETTINGS names, else the nearest darkroom.toml in this folder or above it.
    """
    with reported_errors():
        from infra.command.settings.catalogue import checked_stages, effective_settings, reference
        from lambdas.core.settings import SettingsFile, default_stage

        if markdown:
            typer.echo(reference(), nl=False)
            return
        file = SettingsFile.read()
        if check:
            typer.echo(f"{file.source}: valid for {', '.join(checked_stages(file))}")
            return
        found = effective_settings(file, stage or default_stage())
        shown = found if everything else [each for each in found if each.source != "default"]
        for table, rows in groupby(shown, key=lambda each: each.table):
            _print_table(table, rows)
        if not everything:
            console.print(f"[dim]{len(found) - len(shown)} others have their defaults: darkroom settings --all[/]")


def _print_table(name: str, rows: "Iterable[Setting]") -> None:
    if name:
        console.print(f"[bold]\\[{escape(name)}][/]")
    table = Table(Column(no_wrap=True), Column(overflow="fold"), box=None, show_header=False, pad_edge=False)
    for row in rows:
        colour = "dim" if row.source == "default" else "green"
        value = f"{escape(row.value)}  [{colour}]{escape(row.source)}[/]"
        table.add_row(escape(row.key), f"{value}\n[dim]{escape(row.meaning)}[/]")
    console.print(table)
    console.print()
