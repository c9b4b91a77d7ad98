"""Results of contenders: from runs to ratios, and as a table for the terminal and for ``docs/benchmarks.md``."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.table import Table

from lambdas.core.keys import NEGOTIATED_FORMATS, NegotiatedFormat
from tests.bench.imaging.contenders import Run
from tests.bench.targets import Target

_KILO = 1000


@dataclass(frozen=True)
class Result:
    """A contender's figures: CPU, wall and bytes of one photograph's full set of derivatives, the mean over all."""

    name: str
    cpu_seconds: float
    wall_seconds: float
    bytes: dict[NegotiatedFormat, float]
    peak_memory_mb: float
    versions: str
    ssimulacra2: dict[NegotiatedFormat, float] = field(default_factory=dict)

    @property
    def total_bytes(self) -> float:
        """All formats together."""
        return sum(self.bytes.values())


def summarize(
    name: str, rounds: Sequence[Run], peak_memory_mb: float, scores: Mapping[NegotiatedFormat, Sequence[float]]
) -> Result:
    """Return the means over photographs of each one's median over ``rounds``."""
    photographs = range(len(rounds[0].drawings))
    return Result(
        name=name,
        cpu_seconds=statistics.fmean(
            statistics.median(run.drawings[each].cpu for run in rounds) for each in photographs
        ),
        wall_seconds=statistics.fmean(
            statistics.median(run.drawings[each].wall for run in rounds) for each in photographs
        ),
        bytes={
            fmt: statistics.fmean(
                sum(size for variant, size in rounds[0].drawings[each].bytes.items() if variant.endswith(f".{fmt}"))
                for each in photographs
            )
            for fmt in NEGOTIATED_FORMATS
        },
        peak_memory_mb=peak_memory_mb,
        versions=rounds[0].versions,
        ssimulacra2={fmt: statistics.fmean(received) for fmt, received in scores.items() if received},
    )


def ratios(results: Mapping[str, Result]) -> dict[str, float | dict[NegotiatedFormat, float]]:
    """Return every ratio that has a target, and those reported beside them; less than 1 is better for us.

    ``results`` are by role: ``sharp`` with its own defaults, ``matched`` ours at its quality,
    ``shipped`` ours with the settings of ``darkroom.toml``, ``sharp_same`` and ``sharp_shared``
    sharp with those settings, ``floor`` the bare encoders with them, ``beside_floor`` ours in the
    floor's own process.
    """
    sharp, matched, shipped = results["sharp"], results["matched"], results["shipped"]
    return {
        "derive_cpu_vs_sharp_defaults": matched.cpu_seconds / sharp.cpu_seconds,
        "bytes_vs_sharp_defaults": matched.total_bytes / sharp.total_bytes,
        "ssimulacra2_minus_sharp": {
            fmt: matched.ssimulacra2[fmt] - sharp.ssimulacra2[fmt] for fmt in NEGOTIATED_FORMATS
        },
        "derive_cpu_vs_sharp_same_settings": shipped.cpu_seconds / results["sharp_same"].cpu_seconds,
        "derive_cpu_vs_sharp_same_settings_pixels_shared": shipped.cpu_seconds / results["sharp_shared"].cpu_seconds,
        "derive_cpu_vs_floor": results["beside_floor"].cpu_seconds / results["floor"].cpu_seconds,
        "shipped_cpu_vs_sharp_defaults": shipped.cpu_seconds / sharp.cpu_seconds,
        "shipped_bytes_vs_sharp_defaults": shipped.total_bytes / sharp.total_bytes,
        "shipped_bytes_saved": {fmt: 1 - shipped.bytes[fmt] / sharp.bytes[fmt] for fmt in NEGOTIATED_FORMATS},
        "shipped_ssimulacra2": dict(shipped.ssimulacra2),
    }


def results_table(results: Sequence[Result]) -> Table:
    """Return the results, means a photograph; ratios are to the first of them."""
    title = "A photograph's full set: 4 widths × 3 formats; SSIMULACRA2 of each format"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("contender", min_width=12)
    for heading in ("CPU s", "×", "wall s", "MB", "KB", "×", *NEGOTIATED_FORMATS):
        table.add_column(heading, justify="right", no_wrap=True)
    first = results[0]
    for result in results:
        table.add_row(
            result.name,
            f"{result.cpu_seconds:.2f}",
            f"{result.cpu_seconds / first.cpu_seconds:.3f}",
            f"{result.wall_seconds:.2f}",
            f"{result.peak_memory_mb:.0f}",
            f"{result.total_bytes / _KILO:.0f}",
            f"{result.total_bytes / first.total_bytes:.3f}",
            *(f"{result.ssimulacra2[fmt]:.1f}" if fmt in result.ssimulacra2 else "–" for fmt in NEGOTIATED_FORMATS),
        )
    return table


def section(results: Sequence[Result], targets: Sequence[Target], machine: Mapping[str, object]) -> str:
    """Return tables of contenders and targets, under a line on the machine; ratios are to the first contender."""
    first = results[0]
    lines = [
        f"Measured on {machine['date']}: {machine['processor']}, {machine['cores']} cores of which one was used,"
        f" {machine['memory_gb']} GB, Python {machine['python']}, libvips {machine['libvips']};"
        f" {first.versions}; load before the run {machine['load_before']}.",
        "",
        "| a photograph's full set | CPU s | × | wall s | peak MB | KB | × | SSIMULACRA2 of AVIF | WebP | JPEG |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for result in results:
        scores = (f"{result.ssimulacra2[fmt]:.1f}" if fmt in result.ssimulacra2 else "–" for fmt in NEGOTIATED_FORMATS)
        cells = (
            result.name,
            f"{result.cpu_seconds:.2f}",
            f"{result.cpu_seconds / first.cpu_seconds:.3f}",
            f"{result.wall_seconds:.2f}",
            f"{result.peak_memory_mb:.0f}",
            f"{result.total_bytes / _KILO:.0f}",
            f"{result.total_bytes / first.total_bytes:.3f}",
            *scores,
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| figure | expected | received | |", "|---|--:|--:|---|"]
    for target in targets:
        verdict = "met" if target.met else "**missed**"
        lines.append(f"| `{target.name}` | {target.side} {target.limit:g} | {target.received:.3g} | {verdict} |")
    return "\n".join(lines) + "\n"
