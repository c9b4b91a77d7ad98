"""The table at the end of the run: one row a file, and below it why some are no pictures here."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.local.demo import wording
from infra.local.demo.records import Fate, Picture
from lambdas.keys import FORMATS

_COLORS: dict[Fate, str] = {"ready": "green", "rejected": "yellow", "refused": "yellow"}


def print_table(pictures: list[Picture], console: Console) -> None:
    """Print what became of each of ``pictures``: outcome, bytes in and out, seconds, hits and misses."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("picture", overflow="ellipsis", no_wrap=True, min_width=12, ratio=1)
    table.add_column("outcome", overflow="fold", min_width=8)
    for column in ("in", *(fmt.upper() for fmt in FORMATS), "time", "hits", "misses"):
        table.add_column(column, justify="right", no_wrap=True, min_width=len(column))
    for picture in pictures:
        ready = picture.fate == "ready"
        table.add_row(
            escape(picture.name),
            f"[{_COLORS.get(picture.fate, 'red')}]{picture.code or picture.fate}[/]",
            wording.size(picture.submission.bytes),
            *(wording.size(picture.bytes_served(fmt)) if ready else "" for fmt in FORMATS),
            wording.duration(picture.seconds) if picture.seconds is not None else "",
            *((str(picture.hits), str(len(picture.answers) - picture.hits)) if picture.answers else ("", "")),
        )
    console.print(table)
    for picture in pictures:
        for reason in (picture.reason, *picture.faults):
            if reason:
                console.print(f"[{_COLORS.get(picture.fate, 'red')}]{escape(picture.name)}[/]: {escape(reason)}")
