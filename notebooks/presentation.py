"""How notebooks show what they found: headline, key figures, charts and tables, on paper-white and any width."""

from collections.abc import Callable, Collection, Mapping
from html import escape
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import vl_convert
from IPython.display import HTML

# Okabe and Ito's palette: told apart with any colour vision, and in grey by lightness.
BLUE, ORANGE, GREY, VERMILION, GREEN = "#0072b2", "#e69f00", "#999999", "#d55e00", "#009e73"

_WIDE, _NARROW = 780, 260  # pixels of plot; the page shows whichever fits
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
_FORMATS = {"avif": "AVIF", "webp": "WebP", "jpeg": "JPEG", "none": "No picture"}
_MARKS = {True: ("fine", "✓"), False: ("poor", "!"), None: ("unknown", "?")}

Chart = alt.Chart | alt.LayerChart


def style() -> HTML:
    """Return the style sheet of everything below; a notebook shows it first."""
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


def key_figures(figures: Mapping[str, str]) -> HTML:
    """Return a row of figures, each under its name."""
    tiles = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in figures.items())
    return HTML(f'<dl class="dr-figures">{tiles}</dl>')


def chart(finding: str, note: str, legend: Mapping[str, str], draw: Callable[[int], Chart]) -> HTML:
    """Return a chart under its finding.

    Args:
        finding: what the chart shows, as a sentence.
        note: units and what is counted.
        legend: the colour of each kind of mark, by its name.
        draw: makes the chart for a plot so many pixels wide, without a legend of its own.
    """
    keys = "".join(f'<li><i style="background: {colour}"></i>{escape(name)}</li>' for name, colour in legend.items())
    drawings = "".join(
        f'<div class="dr-{size}">{_svg(draw(width))}</div>' for size, width in (("wide", _WIDE), ("narrow", _NARROW))
    )
    return HTML(
        f'<figure class="dr-chart"><figcaption><h2>{escape(finding)}</h2><p>{escape(note)}</p>'
        f'<ul class="dr-legend">{keys}</ul></figcaption>'
        f'<div role="img" aria-label="{escape(finding)}">{drawings}</div></figure>'
    )


def table(rows: pd.DataFrame, columns: Mapping[str, Callable[[Any], str]], extra: Collection[str] = ()) -> HTML:
    """Return a table.

    Args:
        rows: what to show, a line each.
        columns: headings, in order, with what writes each of their values.
        extra: headings that a narrow screen leaves out.
    """

    def cell(tag: str, heading: str, text: str) -> str:
        kind = ' class="dr-extra"' if heading in extra else ""
        return f"<{tag}{kind}>{escape(text)}</{tag.split()[0]}>"

    heads = "".join(cell('th scope="col"', heading, heading) for heading in columns)
    lines = []
    for row in rows[list(columns)].itertuples(index=False):
        written = [(heading, write(value)) for (heading, write), value in zip(columns.items(), row, strict=True)]
        (first, name), *rest = written
        cells = [cell('th scope="row"', first, name), *(cell("td", *pair) for pair in rest)]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return HTML(
        f'<div class="dr-scroll"><table class="dr-table"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def notice(title: str, lines: Mapping[str, str]) -> HTML:
    """Return a box that says what is missing and why; nothing where ``lines`` are none."""
    if not lines:
        return HTML("")
    items = "".join(f"<li><strong>{escape(name)}</strong>: {escape(reason)}</li>" for name, reason in lines.items())
    return HTML(f'<section class="dr-notice"><h2>{escape(title)}</h2><ul>{items}</ul></section>')


def small_print(text: str) -> HTML:
    """Return a last line: where the figures come from."""
    return HTML(f'<footer class="dr-small">{escape(text)}</footer>')


def write_format(value: str) -> str:
    """Write a format's name as its makers do."""
    return _FORMATS.get(value, value.upper())


def write_count(value: Any) -> str:
    """Write a number of things: ``12,345``."""
    return f"{int(value):,}"


def write_share(value: Any) -> str:
    """Write a share of 1 as a percentage, and an unknown one as a dash."""
    return "–" if value is None or pd.isna(value) else f"{float(value):.1%}"


def write_bytes(value: Any) -> str:
    """Write a number of bytes in the unit that fits, a thousand to each next."""
    size = float(value)
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable: the last unit takes every size")


def _svg(drawn: Chart) -> str:
    themed = (
        drawn.configure(font=_FONT, background="transparent", padding={"left": 12, "right": 24, "top": 4, "bottom": 4})
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=13, titleFontSize=13, titleFontWeight="normal", grid=False, domain=False)
    )
    return str(vl_convert.vegalite_to_svg(themed.to_json()))
