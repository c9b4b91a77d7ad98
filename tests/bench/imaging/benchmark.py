"""``make bench ONLY=imaging``: run every contender, score what they drew, write figures and a chart."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lambdas.core.keys import NEGOTIATED_FORMATS
from lambdas.core.settings import load_settings
from tests.bench.imaging.chart import save_chart
from tests.bench.imaging.comparison import compare, steps
from tests.bench.imaging.imports import import_seconds, light_vs_drawing, light_vs_shared
from tests.bench.imaging.other_kinds import kinds_table, measure_kinds
from tests.bench.imaging.photographs import large_jpegs, largest, spread, usual
from tests.bench.imaging.results import ratios, results_table, section
from tests.bench.imaging.worst import kinds, measure_worst, worst_table
from tests.bench.machine import describe_machine
from tests.bench.targets import Target

_PHOTOGRAPHS = 4  # scoring takes most of the time, and that by photograph
_CHARTED = ("sharp", "matched", "shipped", "pillow", "sharp_same", "floor")


def run(console: Console, out: Path) -> list[Target]:
    """Measure, print and write; return the targets."""
    settings, machine = load_settings(), describe_machine()
    photographs = spread(large_jpegs(settings), _PHOTOGRAPHS)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, tempfile.TemporaryDirectory() as scratch:
        step = steps(progress)
        comparison = compare(photographs, settings, Path(scratch), step)
        other = measure_kinds(usual(photographs).path, settings, Path(scratch), step("Other kinds of originals", 3))
        worst = measure_worst(settings, Path(scratch), step("Worst admitted originals", len(kinds(settings))))
        done = step("Importing handlers", 1)
        imports = import_seconds()
        done(1)
    results = comparison.results
    figures: dict[str, Any] = {
        **ratios(results),
        "peak_memory_mb": results["shipped"].peak_memory_mb,
        "light_vs_drawing_import": light_vs_drawing(imports),
        "light_import_vs_shared": light_vs_shared(imports),
        "worst_admitted_cpu_seconds": max(each.cpu_seconds for each in worst.values()),
    }
    report = {
        **figures,
        "machine": machine,
        "photographs": {each.name: round(each.megapixels, 1) for each in photographs},
        "rounds": comparison.rounds,
        "results": {role: asdict(result) for role, result in results.items()},
        "matched_settings": {fmt: each.model_dump(mode="json") for fmt, each in comparison.matched.items()},
        "shipped_settings": settings.formats.model_dump(mode="json"),
        "import_seconds": imports,
        "other_kinds": {name: {**asdict(kind), "ratio": kind.ratio} for name, kind in other.items()},
        "worst_admitted": {kind: asdict(each) for kind, each in worst.items()},
    }
    written, chart = out / "imaging.json", out / "imaging.svg"
    written.write_text(json.dumps(report, indent=1), encoding="utf-8")
    subtitle = (
        f"Means over {len(photographs)} photographs of 8 to {largest(photographs).megapixels:.0f} megapixels,"
        f" one core of {machine['processor']}. {results['sharp'].versions}; {results['pillow'].versions}."
    )
    save_chart([results[role] for role in _CHARTED], headline(figures), subtitle, chart)
    console.print(results_table(list(results.values())))
    console.print(kinds_table(other))
    console.print(worst_table(worst))
    reached = targets(figures)
    (out / "imaging.md").write_text(section(list(results.values()), reached, machine), encoding="utf-8")
    console.print(f"Figures: {written}\nChart:   {chart}", soft_wrap=True)
    return reached


def targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return what the imaging engine must reach."""
    return [
        Target("derive_cpu_vs_sharp_defaults", figures["derive_cpu_vs_sharp_defaults"], 0.10),
        Target("bytes_vs_sharp_defaults", figures["bytes_vs_sharp_defaults"], 1.03),
        *(
            Target(f"ssimulacra2_minus_sharp, {fmt}", figures["ssimulacra2_minus_sharp"][fmt], 0, "at least")
            for fmt in NEGOTIATED_FORMATS
        ),
        Target("derive_cpu_vs_sharp_same_settings", figures["derive_cpu_vs_sharp_same_settings"], 0.65),
        Target("derive_cpu_vs_floor", figures["derive_cpu_vs_floor"], 1.10),
        Target("peak_memory_mb", figures["peak_memory_mb"], 400),
        # Not light_vs_drawing_import: the SDK and the models, which all share, take most of either.
        Target("light_import_vs_shared", figures["light_import_vs_shared"], 1.35),
        Target(
            "worst_admitted_cpu_seconds", figures["worst_admitted_cpu_seconds"], load_settings().limits.decode_seconds
        ),
    ]


def headline(figures: Mapping[str, Any]) -> str:
    """Say what the comparison found."""
    times = 1 / figures["derive_cpu_vs_sharp_defaults"]
    bytes_more = figures["bytes_vs_sharp_defaults"] - 1
    size = (
        "the same size"
        if abs(bytes_more) < 0.005
        else f"{abs(bytes_more):.0%} {'more' if bytes_more > 0 else 'fewer'} bytes"
    )
    return f"At sharp's own quality, {size}, for 1/{times:.0f} of the CPU"
