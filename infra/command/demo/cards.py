"""A picture as the contact sheet shows it: which files, which bars, and what was put right."""

from dataclasses import dataclass
from pathlib import Path

from infra.command.demo import wording
from infra.command.demo.records import (
    Answer,
    Ask,
    Inspection,
    Picture,
)
from infra.command.demo.viewing import LARGE, LAZY, SMALL


@dataclass(frozen=True)
class Bar:
    """One viewer's answer; ``share`` is its part, 0 to 1, of the bytes of the largest of them."""

    answer: Answer
    pixels: str
    share: float


@dataclass(frozen=True)
class Fact:
    """A property before and after; ``right`` says whether what was served is as it must be."""

    name: str
    original: str
    served: str
    right: bool


@dataclass(frozen=True)
class Card:
    """All that the page says of one ready picture."""

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
        """The large picture, best format first, for the browser that shows the page to choose from."""
        return [bar.answer for bar in self.large if bar.answer.correct]

    @property
    def files(self) -> list[Path]:
        """Every file that the page shows of this picture."""
        shown = [*self.heroes[:1], *self.fallbacks, *self.crop[:1]]
        files = [answer.file for answer in shown if answer.correct and answer.file]
        return [*files, *([self.picture.as_stored] if self.picture.as_stored else [])]

    @property
    def fallbacks(self) -> list[Answer]:
        """The small picture in JPEG, for a browser that shows no AVIF."""
        return [bar.answer for bar in self.small if bar.answer.correct and bar.answer.variant.format == "jpeg"]


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
    turn = wording.TURNS.get(original.orientation, "")
    difference = f"ΔE {inspection.color_difference:.1f}"

    def gone(name: str, before: str) -> Fact:
        return Fact(name, before, "still there" if name in leaks else "none", name not in leaks)

    return (
        Fact(
            "position",
            f"{turn} needed" if turn else "upright",
            "upright" if inspection.upright else "not upright",
            inspection.upright and "orientation tag" not in leaks,
        ),
        Fact(
            "colour",
            original.profile or "no profile",
            f"profile left in, {difference}" if "colour profile" in leaks else f"sRGB, {difference}",
            "colour profile" not in leaks and inspection.faithful,
        ),
        gone("GPS", "a position" if original.gps else "none"),
        gone("EXIF", f"{original.exif_fields} fields" if original.exif_fields else "none"),
        gone("preview", wording.size(original.preview) if original.preview else "none"),
    )
