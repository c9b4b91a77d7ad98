"""The contenders as a table, each as a ratio to the first."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from lambdas.core.keys import FORMATS
from tests.bench.imaging.figures import Result

_KILO = 1000


def results_table(results: Sequence[Result]) -> Table:
    """Return the results, means a photograph; ratios are to the first of them."""
    title = "A photograph's full set: 4 widths × 3 formats; SSIMULACRA2 of each format"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("contender", min_width=12)
    for heading in ("CPU s", "×", "wall s", "MB", "KB", "×", *FORMATS):
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
            *(f"{result.ssimulacra2[fmt]:.1f}" if fmt in result.ssimulacra2 else "–" for fmt in FORMATS),
        )
    return table
