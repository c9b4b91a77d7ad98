"""The table at the end of the run: one row a file, and below it why some are no pictures here."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.command.demo import wording
from infra.command.demo.records import Fate, Picture
from lambdas.core.keys import FORMATS

_COLORS: dict[Fate, str] = {"ready": "green", "rejected": "yellow", "refused": "yellow"}
_NUMBERS = {"in": 6, **{fmt.upper(): 6 for fmt in FORMATS}, "seconds": 7, "hits": 4, "misses": 6}  # column: width
_SHORTEST_NAME = 12
_NAMED = 5  # files that are named for one and the same reason


def print_table(pictures: list[Picture], console: Console) -> None:
    """Print what became of each of ``pictures``: outcome, bytes in and out, seconds, hits and misses."""
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
            wording.size(picture.submission.bytes),
            *(wording.size(picture.bytes_served(fmt)) if ready else "" for fmt in FORMATS),
            f"{picture.seconds:.1f}" if picture.seconds is not None else "",
            *((str(picture.hits), str(len(picture.answers) - picture.hits)) if picture.answers else ("", "")),
        )
    console.print()
    console.print(table)
    console.print()
    _print_reasons(pictures, console)


def _print_reasons(pictures: list[Picture], console: Console) -> None:
    """Say why some files are no pictures here, and what was served wrongly; what several share is said once."""
    sharing: dict[str, list[Picture]] = {}
    for picture in pictures:
        for reason in filter(None, (picture.reason, *picture.faults)):
            sharing.setdefault(reason, []).append(picture)
    for reason, concerned in sharing.items():
        names = ", ".join(picture.name for picture in concerned[:_NAMED])
        more = f" and {len(concerned) - _NAMED} more" if len(concerned) > _NAMED else ""
        console.print(f"[{_color(concerned[0])}]{escape(names)}{more}[/]: {escape(reason)}", highlight=False)


def _color(picture: Picture) -> str:
    return "red" if picture.faults else _COLORS.get(picture.fate, "red")


def _shortened(name: str, width: int) -> str:
    """Keep the end of a long path: folders matter less than the file."""
    return name if len(name) <= width else f"…{name[1 - width :]}"
