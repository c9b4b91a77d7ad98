"""What a benchmark must reach, and whether it did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and its limit."""

    name: str
    received: float
    limit: float
    side: Literal["at most", "at least"] = "at most"

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side of its limit."""
        return self.received <= self.limit if self.side == "at most" else self.received >= self.limit


def targets_table(targets: Sequence[Target]) -> Table:
    """Return the targets with what was received for each."""
    table = Table(title="Targets", title_justify="left")
    table.add_column("")
    table.add_column("figure")
    table.add_column("expected", justify="right")
    table.add_column("received", justify="right")
    for target in targets:
        mark = "[green]✓[/]" if target.met else "[red]✗[/]"
        table.add_row(mark, target.name, f"{target.side} {target.limit:g}", f"{target.received:.4g}")
    return table
