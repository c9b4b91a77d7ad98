"""``make calibrate``: measure the encoders on photographs and propose their settings."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lambdas.core.keys import NEGOTIATED_FORMATS, NegotiatedFormat
from lambdas.core.settings import default_stage, load_settings
from operations.calibration.charts import save_charts
from operations.calibration.choose import UnreachableTargetError
from operations.calibration.photographs import CHECKOUT, NoPhotographsError, default_folder, find_photographs
from operations.calibration.report import NAMES, comparison, finding, measured_encoders, proposed_settings
from operations.calibration.survey import Choice, Survey, Workbench, choose, survey, surveyed_encoders

OUT = CHECKOUT / "build" / "calibration"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def calibrate(
    folder: Annotated[
        Path | None, typer.Argument(help="Photographs to measure on.", show_default="the corpus, or rendered scenes")
    ] = None,
    *,
    target: Annotated[
        float | None, typer.Option(help="SSIMULACRA2 to reach.", show_default="calibration.target", min=1, max=99)
    ] = None,
    processes: Annotated[
        int | None, typer.Option(help="Parallel processes.", show_default="one per core", min=1)
    ] = None,
    time_again: Annotated[
        bool, typer.Option("--time-again", help="Measure CPU time again, even where it is cached.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for charts and figures.")] = OUT,
) -> None:
    """Measure encoder settings and propose the cheapest that reach a quality.

    Every candidate is surveyed over its qualities on all rungs drawn ahead but the widest;
    the cheapest of each format is then settled on all rungs. Results are cached,
    so that a second run takes seconds.
    """
    console = Console()
    settings = load_settings(default_stage())
    target = settings.calibration.target if target is None else target
    try:
        photographs, refused = find_photographs(folder or default_folder(), settings)
        for name, reason in refused.items():
            console.print(f"[yellow]left out[/] {name}: {reason}")
        drawn_ahead = sorted(settings.rendering.eager_widths)
        rungs = drawn_ahead[:-1] or drawn_ahead
        console.print(f"{len(photographs)} photographs: {', '.join(photograph.name for photograph in photographs)}")
        total = len(photographs) * len(rungs) * len(surveyed_encoders())
        with _progress(console, total) as progress:
            bench = Workbench(photographs, settings, processes, time_again=time_again, done=progress)
            surveyed = survey(bench, rungs)
        with console.status("Settling qualities on every rung"):
            choices = choose(surveyed, replace(bench, done=lambda _count: None), target)
    except (NoPhotographsError, UnreachableTargetError) as error:
        console.print(f"[red]{error}[/]", soft_wrap=True)
        raise typer.Exit(1) from error
    for fmt in NEGOTIATED_FORMATS:
        console.print(comparison(fmt, surveyed, choices[fmt], target, settings))
    today = datetime.now(UTC).date()
    console.print(f"\n{finding(choices, target)}. To use these encoders, put into darkroom.toml:\n")
    typer.echo(proposed_settings(choices, today))
    console.print("\nFor estimates of their costs, replace operations/costs/encoders.toml with:\n")
    typer.echo(measured_encoders(choices, today))
    written = [*save_charts(surveyed, choices, target, out), _save_figures(surveyed, choices, target, out)]
    console.print("\nCurves and figures: " + ", ".join(str(path) for path in written), soft_wrap=True)


@contextmanager
def _progress(console: Console, total: int) -> "Iterator[_Advance]":
    columns = (
        TextColumn("Measuring"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        yield _Advance(progress, total)


class _Advance:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("measuring", total=total)

    def __call__(self, count: int) -> None:
        self._progress.advance(self._task, count)


def _save_figures(surveyed: Survey, choices: dict[NegotiatedFormat, Choice], target: float, folder: Path) -> Path:
    figures = {
        "target": target,
        "formats": {
            fmt: {
                "name": NAMES[fmt],
                "chosen": choices[fmt].encoder.model_dump(mode="json") | {"reached": choices[fmt].reached.model_dump()},
                "candidates": {
                    name: [
                        asdict(point)
                        | {"bits_per_pixel": point.bits_per_pixel, "cpu_ms_per_megapixel": point.cpu_ms_per_megapixel}
                        for point in curve.points
                    ]
                    for name, curve in surveyed[fmt].items()
                },
            }
            for fmt in NEGOTIATED_FORMATS
        },
    }
    path = folder / "calibration.json"
    path.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return path


if __name__ == "__main__":
    app(prog_name="python -m operations.calibration")
