"""A run in Markdown, for ``docs/benchmarks.md``."""

from collections.abc import Mapping, Sequence

from lambdas.core.keys import FORMATS
from tests.bench.imaging.figures import Result
from tests.bench.targets import Target

_KILO = 1000


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
        scores = (f"{result.ssimulacra2[fmt]:.1f}" if fmt in result.ssimulacra2 else "–" for fmt in FORMATS)
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
