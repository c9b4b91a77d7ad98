"""The contact sheet: one page with every picture as the edge served it, and why the others were rejected."""

import base64
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import jinja2

from infra.command.demo.records import BROWSERS, Answer, Ask, Fate, Inspection, Picture
from infra.command.demo.viewing import LARGE, LAZY, SMALL
from infra.command.terminal import format_count, format_duration, format_size
from lambdas.core.keys import MIME_TYPES, NEGOTIATED_FORMATS, NegotiatedFormat

_TEMPLATE = Path(__file__).with_name("contact_sheet.html.j2")
_EMBEDDED_BYTES = 24_000_000
_MEDIA_TYPES = {**{f".{fmt}": media_type for fmt, media_type in MIME_TYPES.items()}, ".jpg": "image/jpeg"}
# How a stored picture is made upright (Exif 2.32, tag Orientation).
_TURNS = {
    2: "mirroring",
    3: "a half turn",
    4: "flipping",
    5: "mirroring and a quarter turn left",
    6: "a quarter turn right",
    7: "mirroring and a quarter turn right",
    8: "a quarter turn left",
}


@dataclass(frozen=True)
class Bar:
    """One browser's response; ``share`` is its size relative to the largest of them, 0 to 1."""

    answer: Answer
    pixels: str
    share: float


@dataclass(frozen=True)
class Fact:
    """A property before and after; ``right`` says whether the served picture is as it must be."""

    name: str
    original: str
    served: str
    right: bool


@dataclass(frozen=True)
class Card:
    """What the page shows of one ready picture."""

    picture: Picture
    shape: tuple[int, int]
    large: tuple[Bar, ...]
    small: tuple[Bar, ...]
    crop: tuple[Answer, ...]
    facts: tuple[Fact, ...]

    @classmethod
    def of(cls, picture: Picture) -> "Card":
        """Lay out ``picture``."""
        inspection = picture.inspection
        large = _bars(picture, LARGE)
        first = large[0].answer.file if large else None
        traits = inspection.served.get(first) if inspection and first else None
        return cls(
            picture,
            (traits.width, traits.height) if traits else (4, 3),
            large,
            _bars(picture, SMALL),
            tuple(answer for answer in picture.answers if answer.ask == LAZY),
            _facts(inspection) if inspection else (),
        )

    @property
    def heroes(self) -> list[Answer]:
        """The large picture, best format first, for the reader's browser to choose from."""
        return [bar.answer for bar in self.large if bar.answer.correct]

    @property
    def files(self) -> list[Path]:
        """Every file that the page shows of this picture."""
        shown = [*self.heroes[:1], *self.fallbacks, *self.crop[:1]]
        files = [answer.file for answer in shown if answer.correct and answer.file]
        return [*files, *([self.picture.as_stored] if self.picture.as_stored else [])]

    @property
    def fallbacks(self) -> list[Answer]:
        """The small picture in JPEG, for browsers without AVIF."""
        return [bar.answer for bar in self.small if bar.answer.correct and bar.answer.variant.format == "jpeg"]


@dataclass(frozen=True)
class Totals:
    """The figures at the top of the page. ``bytes_in`` counts the originals of ready pictures only."""

    pictures: int
    fates: Counter[Fate]
    unsettled: int
    bytes_in: int
    bytes_out: dict[NegotiatedFormat, int]
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
            bytes_out={fmt: sum(picture.bytes_served(fmt) for picture in ready) for fmt in NEGOTIATED_FORMATS},
            median_seconds=median(seconds) if seconds else None,
            answers=sum(len(picture.answers) for picture in ready),
            hits=sum(picture.hits for picture in ready),
            faults=sum(len(picture.faults) for picture in pictures),
        )


def write_contact_sheet(pictures: list[Picture], page: Path, *, made: datetime, seconds: float) -> None:
    """Write the page for ``pictures``, in their order. The files that it shows must be below its folder.

    Up to 24 MB are embedded, so that the page can be shared as one file; beyond that, it links to them.
    ``made`` and ``seconds`` are when the run began and how long it took.
    """
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(size=format_size, duration=format_duration)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    cards = [Card.of(picture) for picture in pictures if picture.fate == "ready"]
    text = template.render(
        totals=Totals.of(pictures),
        cards=cards,
        others=[picture for picture in pictures if picture.fate != "ready"],
        browsers=BROWSERS,
        source=_source(cards, page),
        count=format_count,
        made=made,
        seconds=seconds,
    )
    page.write_text(text, encoding="utf-8")


def _source(cards: list[Card], page: Path) -> Callable[[Path], str]:
    """Return how the page refers to a file: embedded, or by its path if all files together are too large."""
    if sum(file.stat().st_size for card in cards for file in card.files) > _EMBEDDED_BYTES:
        return lambda file: file.relative_to(page.parent).as_posix()

    def embed(file: Path) -> str:
        return f"data:{_MEDIA_TYPES[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode('ascii')}"

    return embed


def _bars(picture: Picture, asks: tuple[Ask, ...]) -> tuple[Bar, ...]:
    """Return the first answer to each of ``asks``."""
    firsts = [next((answer for answer in picture.answers if answer.ask == ask), None) for ask in asks]
    answers = [answer for answer in firsts if answer]
    largest = max((answer.bytes for answer in answers if answer.correct), default=1)
    return tuple(Bar(answer, _pixels(picture, answer), answer.bytes / largest) for answer in answers)


def _pixels(picture: Picture, answer: Answer) -> str:
    traits = picture.inspection.served.get(answer.file) if picture.inspection and answer.file else None
    return f"{traits.width} × {traits.height}" if traits else ""


def _facts(inspection: Inspection) -> tuple[Fact, ...]:
    original, leaks = inspection.original, inspection.leaks
    turn = _TURNS.get(original.orientation, "")
    difference = f"ΔE {inspection.color_difference:.1f}"

    def gone(name: str, before: str) -> Fact:
        return Fact(name, before, "still present" if name in leaks else "none", name not in leaks)

    return (
        Fact(
            "orientation",
            f"needs {turn}" if turn else "upright",
            "upright" if inspection.upright else "not upright",
            inspection.upright and "orientation tag" not in leaks,
        ),
        Fact(
            "colour",
            original.profile or "no profile",
            f"profile kept, {difference}" if "colour profile" in leaks else f"sRGB, {difference}",
            "colour profile" not in leaks and inspection.faithful,
        ),
        gone("GPS", "present" if original.gps else "none"),
        gone("EXIF", f"{original.exif_fields} fields" if original.exif_fields else "none"),
        gone("preview", format_size(original.preview) if original.preview else "none"),
    )
