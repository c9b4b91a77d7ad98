"""The table at the end of the run: one row a file, and below it why some are no pictures here."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.local.demo import wording
from infra.local.demo.records import Fate, Picture
from lambdas.keys import FORMATS

_COLORS: dict[Fate, str] = {"ready": "green", "rejected": "yellow", "refused": "yellow"}
_NUMBERS = {"in": 6, **{fmt.upper(): 6 for fmt in FORMATS}, "time": 6, "hits": 4, "misses": 6}  # width by column
_SHORTEST_NAME = 12


def print_table(pictures: list[Picture], console: Console) -> None:
    """Print what became of each of ``pictures``: outcome, bytes in and out, seconds, hits and misses."""
    outcomes = [picture.code or picture.fate for picture in pictures]
    outcome_width = max(map(len, ["outcome", *outcomes]))
    others = sum(_NUMBERS.values()) + outcome_width + len(_NUMBERS) + 1
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    name_width = max(console.width - others - 1, _SHORTEST_NAME)
    table.add_column("picture", overflow="ellipsis", no_wrap=True, max_width=name_width)
    table.add_column("outcome", no_wrap=True)
    for column, width in _NUMBERS.items():
        table.add_column(column, justify="right", no_wrap=True, min_width=width)
    for picture, outcome in zip(pictures, outcomes, strict=True):
        ready = picture.fate == "ready"
        table.add_row(
            escape(picture.name),
            f"[{_COLORS.get(picture.fate, 'red')}]{outcome}[/]",
            wording.size(picture.submission.bytes),
            *(wording.size(picture.bytes_served(fmt)) if ready else "" for fmt in FORMATS),
            wording.duration(picture.seconds) if picture.seconds is not None else "",
            *((str(picture.hits), str(len(picture.answers) - picture.hits)) if picture.answers else ("", "")),
        )
    console.print()
    console.print(table)
    console.print()
    for picture in pictures:
        for reason in (picture.reason, *picture.faults):
            if reason:
                console.print(f"[{_COLORS.get(picture.fate, 'red')}]{escape(picture.name)}[/]: {escape(reason)}")
