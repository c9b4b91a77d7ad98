"""The HTML of a report around its charts: headline, key figures, sections, tables, galleries, notices."""

import base64
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import HTML

_MARKS = {True: ("fine", "✓"), False: ("poor", "!"), None: ("unknown", "?")}


def style() -> HTML:
    """Return the style sheet; a notebook displays it first."""
    sheet = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    return HTML(f"<style>\n{sheet}</style>")


def headline(title: str, sentence: str, *, fine: bool | None) -> HTML:
    """Return the head of a report: its title, and its finding in a sentence."""
    kind, mark = _MARKS[fine]
    return HTML(
        f'<header class="dr-head"><h1>{escape(title)}</h1>'
        f'<p class="dr-verdict dr-{kind}"><span class="dr-mark" aria-hidden="true">{mark}</span> {escape(sentence)}</p>'
        "</header>"
    )


def key_figures(figures: Mapping[str, str], notes: Mapping[str, str] | None = None) -> HTML:
    """Return a row of figures with their names and, for some, a note."""

    def tile(name: str, value: str) -> str:
        note = (notes or {}).get(name)
        small = f"<dd><small>{escape(note)}</small></dd>" if note else ""
        return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd>{small}</div>"

    return HTML(f'<dl class="dr-figures">{"".join(tile(*figure) for figure in figures.items())}</dl>')


def section(title: str, text: str = "") -> HTML:
    """Return the heading of a section: its finding, and a line about it."""
    return HTML(f'<div class="dr-section"><h2>{escape(title)}</h2><p>{escape(text)}</p></div>')


def details(title: str, content: HTML) -> HTML:
    """Return ``content`` collapsed under its ``title``."""
    return HTML(f'<details class="dr-details"><summary>{escape(title)}</summary>{content.data}</details>')


def notice(title: str, lines: Mapping[str, str]) -> HTML:
    """Return a box with names and reasons; empty if there are no ``lines``."""
    if not lines:
        return HTML("")
    items = "".join(f"<li><strong>{escape(name)}</strong>: {escape(reason)}</li>" for name, reason in lines.items())
    return HTML(f'<section class="dr-notice"><h2>{escape(title)}</h2><ul>{items}</ul></section>')


def small_print(text: str) -> HTML:
    """Return the last line, about the sources of the figures."""
    return HTML(f'<footer class="dr-small">{escape(text)}</footer>')


def table(rows: pd.DataFrame, columns: Mapping[str, Callable[[Any], str]], extra: Collection[str] = ()) -> HTML:
    """Return a table with numbers aligned right.

    Args:
        rows: what to show.
        columns: column names in order, with the function that formats their values.
        extra: columns hidden on a narrow screen.
    """

    def cell(tag: str, heading: str, text: str) -> str:
        kind = ' class="dr-extra"' if heading in extra else ""
        return f"<{tag}{kind}>{escape(text)}</{tag.split()[0]}>"

    heads = "".join(cell('th scope="col"', heading, heading) for heading in columns)
    lines = []
    for row in rows[list(columns)].itertuples(index=False):
        cells_of_row = [
            (heading, formatted(value)) for (heading, formatted), value in zip(columns.items(), row, strict=True)
        ]
        (first, name), *rest = cells_of_row
        cells = [cell('th scope="row"', first, name), *(cell("td", *pair) for pair in rest)]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return HTML(
        f'<div class="dr-scroll"><table class="dr-table"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


@dataclass(frozen=True, slots=True)
class Card:
    """One picture (WebP, or a word instead), a title, and lines below it."""

    picture: bytes | None
    instead: str
    title: str
    lines: tuple[str, ...]
    alternative: str


def gallery(cards: Iterable[Card]) -> HTML:
    """Return the cards side by side, with embedded pictures."""
    return HTML(f'<ol class="dr-gallery">{"".join(map(_item, cards))}</ol>')


def _item(card: Card) -> str:
    if card.picture is None:
        shown = f'<span class="dr-none">{escape(card.instead)}</span>'
    else:
        data = base64.b64encode(card.picture).decode()
        shown = f'<img src="data:image/webp;base64,{data}" alt="{escape(card.alternative)}">'
    lines = "".join(f"<p>{escape(line)}</p>" for line in card.lines)
    return f"<li><div>{shown}</div><strong>{escape(card.title)}</strong>{lines}</li>"
