"""Pictures with what there is to say of each."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from IPython.display import HTML


@dataclass(frozen=True, slots=True)
class Card:
    """One picture: WebP bytes, or a word in its place; a title, and lines under it."""

    picture: bytes | None
    instead: str
    title: str
    lines: tuple[str, ...]
    alternative: str


def gallery(cards: Iterable[Card]) -> HTML:
    """Return the cards side by side, as many as fit, their pictures part of the page."""
    return HTML(f'<ol class="dr-gallery">{"".join(map(_item, cards))}</ol>')


def _item(card: Card) -> str:
    if card.picture is None:
        shown = f'<span class="dr-none">{escape(card.instead)}</span>'
    else:
        data = base64.b64encode(card.picture).decode()
        shown = f'<img src="data:image/webp;base64,{data}" alt="{escape(card.alternative)}">'
    lines = "".join(f"<p>{escape(line)}</p>" for line in card.lines)
    return f"<li><div>{shown}</div><strong>{escape(card.title)}</strong>{lines}</li>"
