"""``make bench ONLY=ingest``: start a stack, draw the same photographs with it and without, disturb a neighbour."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyvips
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra.local.stack import LocalStack
from infra.local.state import Ports
from lambdas.core.settings import Settings, load_settings
from lambdas.core.settings.lanes import SHARED_LANE
from tests.bench.imaging.photographs import large_jpegs, usual
from tests.bench.ingest import arrivals, first_look, neighbours, throughput
from tests.bench.ingest.arrivals import Arrivals
from tests.bench.ingest.first_look import FirstLooks, LazyCrops, percentile
from tests.bench.ingest.intake import Intake
from tests.bench.ingest.neighbours import BURST, QUIET, Neighbours
from tests.bench.ingest.throughput import Compared
from tests.bench.machine import describe_machine
from tests.bench.targets import Target

_SMALL_WIDTH = 1600  # pixels: what an app sends that reduces pictures before it uploads them
_BURST_WIDTH = 1024
_TIMES = {"large": 2, "small": 4}  # each photograph of a kind is uploaded so often
_ANY_PORTS = Ports.any_free()


def run(console: Console, out: Path) -> list[Target]:
    """Measure, print and write; return the targets."""
    settings, machine = load_settings(), describe_machine()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory() as scratch, Progress(*columns, console=console) as progress:
        photographs = large_jpegs(settings)
        large, usual_one = [photograph.path for photograph in photographs], usual(photographs).path
        small = _reduced(large, _SMALL_WIDTH, Path(scratch, "small"))
        tiny = _reduced(large, _BURST_WIDTH, Path(scratch, "burst"))
        with _running(Path(scratch, "stack")) as stack:
            shared, own = Intake(stack, _tenant(settings, "shared")), Intake(stack, _tenant(settings, "dedicated"))
            for intake in (shared, own):
                intake.seconds(tiny)  # workers are started on use
            asking = progress.add_task("Lazy crops, and drawing them alone", total=first_look.LOOKS + 1)
            crops = first_look.measure_crops(stack, shared, usual_one, lambda seen: progress.advance(asking, seen))
            kinds = {"large": large * _TIMES["large"], "small": small * _TIMES["small"]}
            task = progress.add_task("The pipeline, and drawing alone", total=len(kinds) * throughput.ROUNDS)
            compared = throughput.compare(shared, kinds, lambda rounds: progress.advance(task, rounds))
            other = progress.add_task("A neighbour's burst", total=2 * neighbours.ROUNDS + 1)
            disturbed = neighbours.measure(own, shared, tiny, lambda rounds: progress.advance(other, rounds))
            looking = progress.add_task("First looks, and crops", total=2 * first_look.LOOKS)
            looks = first_look.measure(stack, shared, usual_one, lambda taken: progress.advance(looking, taken))
            arriving = progress.add_task("Arrivals, one after another", total=arrivals.ARRIVALS)
            arrived = arrivals.measure(shared, usual_one, lambda ready: progress.advance(arriving, ready))
    figures = {
        "upload_to_ready_p50_vs_bare": round(arrived.ratio, 4),
        "upload_to_ready_p50_seconds": round(percentile(arrived.ready, 50), 3),
        "upload_to_ready_p95_seconds": round(percentile(arrived.ready, 95), 3),
        "lazy_first_byte_p50_vs_bare": round(crops.ratio, 4),
        "lazy_first_byte_p50_ms": round(percentile(crops.warm, 50)),
        "lazy_first_byte_p95_ms": round(percentile(crops.warm, 95)),
        "lazy_first_byte_cold_ms": round(crops.cold),
        "pipeline_vs_bare_derive": round(min(each.ratio for each in compared), 4),
        "noisy_neighbour_ratio": round(disturbed.ratio, 4),
        "first_look_p50_ms": round(percentile(looks.first, 50)),
        "first_look_p95_ms": round(percentile(looks.first, 95)),
        "lazy_crop_p95_ms": round(percentile(looks.lazy, 95)),
        "first_look_vs_lazy_crop": round(looks.ratio, 4),
    }
    report: dict[str, Any] = {
        **figures,
        "machine": machine,
        "photographs": [path.stem for path in large],
        "small_width": _SMALL_WIDTH,
        "burst_width": _BURST_WIDTH,
        "throughput": {each.kind: {**asdict(each), "ratio": round(each.ratio, 4)} for each in compared},
        "neighbours": asdict(disturbed),
        "arrivals": asdict(arrived),
        "lazy_crops": asdict(crops),
        "reserved_concurrency": settings.reserved_concurrency(own.tenant),
    }
    written = out / "ingest.json"
    written.write_text(json.dumps(report, indent=1), encoding="utf-8")
    console.print(throughput_table(compared))
    console.print(neighbours_line(disturbed))
    console.print(first_look_line(looks))
    console.print(arrivals_line(arrived))
    console.print(crops_line(crops))
    console.print(f"Figures: {written}", soft_wrap=True)
    return [
        Target("pipeline_vs_bare_derive, slower kind", figures["pipeline_vs_bare_derive"], 0.85, "at least"),
        Target("upload_to_ready_p50_vs_bare", figures["upload_to_ready_p50_vs_bare"], 1.3),
        Target("lazy_first_byte_p50_vs_bare", figures["lazy_first_byte_p50_vs_bare"], 1.5),
        Target("noisy_neighbour_ratio", figures["noisy_neighbour_ratio"], 1.5),
        Target("first_look_vs_lazy_crop, p95", figures["first_look_vs_lazy_crop"], 1.3),
    ]


def throughput_table(compared: Sequence[Compared]) -> Table:
    """Return a row a kind of photographs: photographs a second both ways, and their ratio."""
    table = Table(title="Photographs drawn a second, all variants", title_justify="left")
    for heading in ("photographs", "drawing alone", "pipeline", "ratio, median"):
        table.add_column(heading, justify="left" if heading == "photographs" else "right")
    for each in compared:
        bare, pipeline = (
            f"{each.photographs / min(seconds):.2f}" for seconds in (each.bare_seconds, each.pipeline_seconds)
        )
        table.add_row(f"{each.photographs} {each.kind}", bare, pipeline, f"{each.ratio:.2f}")
    return table


def neighbours_line(disturbed: Neighbours) -> str:
    """Say what a burst did to the tenant beside it."""
    return (
        f"{QUIET} pictures in a lane of their own: alone in {min(disturbed.alone_seconds):.1f} s, beside a burst of"
        f" {BURST} in the lane {SHARED_LANE} in {min(disturbed.beside_seconds):.1f} s"
    )


def first_look_line(looks: FirstLooks) -> str:
    """Say how soon a picture can be looked at."""
    return (
        f"First byte of {len(looks.first)} pictures asked for at once: p50 {percentile(looks.first, 50):.0f} ms, p95"
        f" {percentile(looks.first, 95):.0f} ms; of crops of ready ones: p95 {percentile(looks.lazy, 95):.0f} ms"
    )


def arrivals_line(arrived: Arrivals) -> str:
    """Say how long a photograph takes from its upload to its outcome."""
    return (
        f"{len(arrived.ready)} photographs of 12 megapixels, one every {arrived.every:.1f} s: ready after p50"
        f" {percentile(arrived.ready, 50):.2f} s, p95 {percentile(arrived.ready, 95):.2f} s;"
        f" drawn alone in {percentile(arrived.bare, 50):.2f} s"
    )


def crops_line(crops: LazyCrops) -> str:
    """Say how soon a crop comes that nobody asked for before."""
    return (
        f"First byte of {len(crops.warm)} lazy crops: p50 {percentile(crops.warm, 50):.0f} ms, p95"
        f" {percentile(crops.warm, 95):.0f} ms, the very first {crops.cold:.0f} ms; drawn alone in"
        f" {percentile(crops.bare, 50):.0f} ms"
    )


@contextmanager
def _running(home: Path) -> Iterator[LocalStack]:
    stack = LocalStack.start(_ANY_PORTS, home)
    try:
        yield stack
    finally:
        stack.stop()


def _tenant(settings: Settings, lane: str) -> str:
    return next(name for name, tenant in settings.tenants.items() if tenant.lane == lane)


def _reduced(photographs: Sequence[Path], width: int, folder: Path) -> list[Path]:
    """Write each of ``photographs`` into ``folder``, ``width`` pixels wide, and return the files."""
    folder.mkdir()
    written = []
    for photograph in photographs:
        path = folder / f"{photograph.stem}.jpg"
        pyvips.Image.thumbnail(str(photograph), width).jpegsave(str(path), Q=90)
        written.append(path)
    return written
