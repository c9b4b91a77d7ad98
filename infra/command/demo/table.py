"""The table at the end of a demo: a row per file, and the reasons for rejections and faults below it."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.command.demo.records import Fate, Picture
from infra.command.terminal import format_size
from lambdas.core.keys import NEGOTIATED_FORMATS

_COLORS: dict[Fate, str] = {"ready": "green", "held": "yellow", "rejected": "yellow", "refused": "yellow"}
_NUMBERS = {
    "in": 6,
    **{fmt.upper(): 6 for fmt in NEGOTIATED_FORMATS},
    "seconds": 7,
    "hits": 4,
    "misses": 6,
}  # column: width
_SHORTEST_NAME = 12
_NAMED = 5  # files named with one reason


def print_table(pictures: list[Picture], console: Console) -> None:
    """Print the outcome of each of ``pictures``: bytes in and out, seconds, hits and misses."""
    outcomes = [picture.code or picture.fate for picture in pictures]
    others = sum(_NUMBERS.values()) + len(_NUMBERS) + max(map(len, ["outcome", *outcomes])) + 1
    name_width = max(console.width - others, _SHORTEST_NAME)
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("picture", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for column, width in _NUMBERS.items():
        table.add_column(column, justify="right", no_wrap=True, min_width=width)
    for picture, outcome in zip(pictures, outcomes, strict=True):
        ready = picture.fate == "ready"
        table.add_row(
            escape(_shortened(picture.name, name_width)),
            f"[{_color(picture)}]{outcome}[/]",
            format_size(picture.submission.bytes),
            *(format_size(picture.bytes_served(fmt)) if ready else "" for fmt in NEGOTIATED_FORMATS),
            f"{picture.seconds:.1f}" if picture.seconds is not None else "",
            *((str(picture.hits), str(len(picture.answers) - picture.hits)) if picture.answers else ("", "")),
        )
    console.print()
    console.print(table)
    console.print()
    _print_reasons(pictures, console)


def _print_reasons(pictures: list[Picture], console: Console) -> None:
    """Print why files were rejected and what was served wrongly; a reason that several share is printed once."""
    by_reason: dict[str, list[Picture]] = {}
    for picture in pictures:
        for reason in filter(None, (picture.reason, *picture.faults)):
            by_reason.setdefault(reason, []).append(picture)
    for reason, affected in by_reason.items():
        names = ", ".join(picture.name for picture in affected[:_NAMED])
        more = f" and {len(affected) - _NAMED} more" if len(affected) > _NAMED else ""
        console.print(f"[{_color(affected[0])}]{escape(names)}{more}[/]: {escape(reason)}", highlight=False)


def _color(picture: Picture) -> str:
    return "red" if picture.faults else _COLORS.get(picture.fate, "red")


def _shortened(name: str, width: int) -> str:
    """Shorten a long path at its start."""
    return name if len(name) <= width else f"…{name[1 - width :]}"
