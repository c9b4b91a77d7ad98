"""The contenders as a table, each as a ratio to the first."""

from collections.abc import Sequence

from rich.table import Table

from lambdas.keys import FORMATS
from tests.bench.imaging.figures import Result

_KILO = 1000


def results_table(results: Sequence[Result]) -> Table:
    """Return the results, means a photograph; ratios are to the first of them."""
    table = Table(title="A photograph's full set: 4 widths × 3 formats", title_justify="left")
    table.add_column("contender", no_wrap=True)
    for heading in ("CPU s", "×", "wall s", "peak MB", "KB", "×", *(f"{fmt} score" for fmt in FORMATS)):
        table.add_column(heading, justify="right")
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
            *(f"{result.ssimulacra2[fmt]:.1f}" if fmt in result.ssimulacra2 else "–" for fmt in FORMATS),
        )
    return table
