"""The text around charts and tables."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from IPython.display import HTML

_MARKS = {True: ("fine", "✓"), False: ("poor", "!"), None: ("unknown", "?")}


def style() -> HTML:
    """Return the style sheet of everything that is shown; a notebook shows it first."""
    sheet = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    return HTML(f"<style>\n{sheet}</style>")


def headline(title: str, sentence: str, *, fine: bool | None) -> HTML:
    """Return the head of a report: what it is, and the answer that a hurried reader came for."""
    kind, mark = _MARKS[fine]
    return HTML(
        f'<header class="dr-head"><h1>{escape(title)}</h1>'
        f'<p class="dr-verdict dr-{kind}"><span class="dr-mark" aria-hidden="true">{mark}</span> {escape(sentence)}</p>'
        "</header>"
    )


def key_figures(figures: Mapping[str, str], notes: Mapping[str, str] | None = None) -> HTML:
    """Return a row of figures, each under its name, with a note under those that have one."""

    def tile(name: str, value: str) -> str:
        note = (notes or {}).get(name)
        small = f"<dd><small>{escape(note)}</small></dd>" if note else ""
        return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd>{small}</div>"

    return HTML(f'<dl class="dr-figures">{"".join(tile(*figure) for figure in figures.items())}</dl>')


def section(title: str, text: str = "") -> HTML:
    """Return the head of what follows: its finding, and a line about it."""
    return HTML(f'<div class="dr-section"><h2>{escape(title)}</h2><p>{escape(text)}</p></div>')


def details(title: str, content: HTML) -> HTML:
    """Return ``content`` folded away under its ``title``."""
    return HTML(f'<details class="dr-details"><summary>{escape(title)}</summary>{content.data}</details>')


def notice(title: str, lines: Mapping[str, str]) -> HTML:
    """Return a box that says what is missing and why; nothing where ``lines`` are none."""
    if not lines:
        return HTML("")
    items = "".join(f"<li><strong>{escape(name)}</strong>: {escape(reason)}</li>" for name, reason in lines.items())
    return HTML(f'<section class="dr-notice"><h2>{escape(title)}</h2><ul>{items}</ul></section>')


def small_print(text: str) -> HTML:
    """Return a last line: where the figures come from."""
    return HTML(f'<footer class="dr-small">{escape(text)}</footer>')
