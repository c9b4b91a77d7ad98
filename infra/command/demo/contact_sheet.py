"""The contact sheet: one page with every picture as the edge served it, and what became of the others."""

import base64
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import jinja2

from infra.command.demo import wording
from infra.command.demo.browsers import BROWSERS
from infra.command.demo.cards import Card
from infra.command.demo.records import Fate, Picture
from lambdas.core.keys import FORMATS, MIME_TYPES, Format

_TEMPLATE = Path(__file__).with_name("contact_sheet.html.j2")
_EMBEDDED_BYTES = 24_000_000
_MEDIA_TYPES = {**{f".{fmt}": media_type for fmt, media_type in MIME_TYPES.items()}, ".jpg": "image/jpeg"}


@dataclass(frozen=True)
class Totals:
    """The numbers at the head of the page. ``bytes_in`` counts the ready pictures' originals alone."""

    pictures: int
    fates: Counter[Fate]
    unsettled: int
    bytes_in: int
    bytes_out: dict[Format, int]
    median_seconds: float | None
    answers: int
    hits: int
    faults: int

    @classmethod
    def of(cls, pictures: list[Picture]) -> "Totals":
        """Add up ``pictures``."""
        ready = [picture for picture in pictures if picture.fate == "ready"]
        seconds = [picture.seconds for picture in ready if picture.seconds is not None]
        return cls(
            pictures=len(pictures),
            fates=Counter(picture.fate for picture in pictures),
            unsettled=sum(not picture.settled for picture in pictures),
            bytes_in=sum(picture.submission.bytes for picture in ready),
            bytes_out={fmt: sum(picture.bytes_served(fmt) for picture in ready) for fmt in FORMATS},
            median_seconds=median(seconds) if seconds else None,
            answers=sum(len(picture.answers) for picture in ready),
            hits=sum(picture.hits for picture in ready),
            faults=sum(len(picture.faults) for picture in pictures),
        )


def _source(cards: list[Card], page: Path) -> Callable[[Path], str]:
    """Return how the page names a file: by its content, or beside the page where there are too many to carry."""
    if sum(file.stat().st_size for card in cards for file in card.files) > _EMBEDDED_BYTES:
        return lambda file: file.relative_to(page.parent).as_posix()

    def embed(file: Path) -> str:
        return f"data:{_MEDIA_TYPES[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode('ascii')}"

    return embed


def write_contact_sheet(pictures: list[Picture], page: Path, *, made: datetime, seconds: float) -> None:
    """Write the page for ``pictures``, in their order. The files that it shows must lie below its folder.

    Up to 24 MB of them are embedded, so that the page can be handed on alone; beyond, it refers to them.
    ``made`` and ``seconds`` are when the run began and how long it took.
    """
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(size=wording.size, duration=wording.duration)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    cards = [Card.of(picture) for picture in pictures if picture.fate == "ready"]
    text = template.render(
        totals=Totals.of(pictures),
        cards=cards,
        others=[picture for picture in pictures if picture.fate != "ready"],
        browsers=BROWSERS,
        source=_source(cards, page),
        plural=wording.count,
        made=made,
        seconds=seconds,
    )
    page.write_text(text, encoding="utf-8")
