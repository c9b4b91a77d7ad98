"""``python -m operations.costs``: estimate the monthly cost on AWS by pictures per day."""

from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lambdas.core.settings import DEFAULT_STAGE, SettingsError, load_settings
from operations.costs.prices import PRICES
from operations.costs.tables import Row, bill, levers, markdown, peak, variants
from operations.costs.workload import Pictures

SCALES = (0, 1_000_000, 10_000_000, 100_000_000)
USUAL = Pictures(10_000_000)
"""The workload for which sets of formats are compared."""

app = typer.Typer(add_completion=False)


@app.command()
def costs(
    per_day: Annotated[list[int] | None, typer.Option(min=0, help="Pictures per day; repeatable.")] = None,
    views: Annotated[float, typer.Option(min=0, help="Views of each picture in its first month.")] = USUAL.views,
    megabytes: Annotated[float, typer.Option(min=0.001, help="Size of an original.")] = USUAL.bytes / 1e6,
    stage: Annotated[str, typer.Option(envvar="DARKROOM_STAGE", help="Stage of the settings.")] = DEFAULT_STAGE,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, as in docs/deploying.md.")] = False,
) -> None:
    """Estimate a month on AWS from the stage's settings and AWS's list prices."""
    try:
        settings = load_settings(stage=stage)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    scales = tuple(per_day or SCALES)
    per_day_compared = max(scales) if per_day else USUAL.per_day
    pictures = replace(USUAL, per_day=per_day_compared, bytes=round(megabytes * 1e6), views=views)
    tables = (
        bill(pictures, scales, settings),
        levers(pictures, settings),
        variants(pictures, settings),
        peak(pictures, settings),
    )
    for rows in tables:
        if as_markdown:
            typer.echo(f"{markdown(rows)}\n")
        else:
            _show(rows)
    if not as_markdown:
        typer.echo(f"At prices of {PRICES.read_on}, without discounts. Assumptions: operations/costs/workload.py")


def _show(rows: list[Row]) -> None:
    table = Table(*rows[0])
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows[1:]:
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    app()
