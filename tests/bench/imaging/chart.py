"""One picture of the comparison: CPU, bytes and quality, a row a contender."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt

from operations.palette import BLACK, BLUE, FONT, GREEN, GREY, ORANGE
from tests.bench.imaging.results import Result

_NAMES = {"avif": "AVIF", "webp": "WebP", "jpeg": "JPEG"}
_COLOURS = alt.Scale(domain=list(_NAMES.values()), range=[BLUE, ORANGE, GREEN])
_STEP = 44  # pixels of a row


def save_chart(results: Sequence[Result], title: str, subtitle: str, path: Path) -> None:
    """Draw ``results``, in their order, into the SVG file ``path``."""
    rows = [result.name for result in results]
    panels = alt.hconcat(_cpu(results, rows), _size(results, rows), _quality(results, rows), spacing=26)
    chart = (
        panels.properties(
            title=alt.TitleParams(
                title,
                subtitle=subtitle,
                anchor="start",
                fontSize=19,
                subtitleFontSize=13,
                subtitleColor=GREY,
                offset=16,
            )
        )
        .configure(font=FONT, background="white", padding={"left": 30, "right": 18, "top": 18, "bottom": 18})
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=13, titleFontSize=13, titleFontWeight="normal", domain=False, ticks=False)
        .configure_legend(labelFontSize=13, title=None, orient="bottom", symbolType="square")
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    chart.save(path)


def _cpu(results: Sequence[Result], rows: list[str]) -> Any:
    first = results[0].cpu_seconds
    values = [
        {
            "row": result.name,
            "cpu": result.cpu_seconds,
            "label": f"{result.cpu_seconds:.2f} s" + (f" (1/{first / result.cpu_seconds:.1f})" if number else ""),
            "ours": result.name.startswith("Darkroom"),
        }
        for number, result in enumerate(results)
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(y=_rows(rows, labels=True))
    across = alt.X(
        "cpu:Q",
        title=None,
        axis=None,
        scale=alt.Scale(domain=[0, max(result.cpu_seconds for result in results) * 1.12]),
    )
    bars = base.mark_bar(height=24).encode(
        x=across, color=alt.condition("datum.ours", alt.value(BLACK), alt.value("#b9b9b9"))
    )
    labels = base.mark_text(align="left", dx=6, fontSize=13, color=BLACK).encode(x=across, text="label:N")
    return (bars + labels).properties(
        width=330, height=alt.Step(_STEP), title=_heading("CPU for a photograph's 12 derivatives")
    )


def _size(results: Sequence[Result], rows: list[str]) -> Any:
    parts = [
        {"row": result.name, "format": _NAMES[fmt], "kb": size / 1e3, "order": order}
        for result in results
        for order, (fmt, size) in enumerate(result.bytes.items())
    ]
    totals = [
        {"row": result.name, "kb": result.total_bytes / 1e3, "label": f"{result.total_bytes / 1e3:.0f} KB"}
        for result in results
    ]
    across = alt.X(
        "kb:Q",
        title=None,
        axis=None,
        scale=alt.Scale(domain=[0, max(result.total_bytes for result in results) / 1e3 * 1.25]),
    )
    bars = (
        alt.Chart(alt.InlineData(values=parts))
        .mark_bar(height=24)
        .encode(x=across, y=_rows(rows), color=alt.Color("format:N", scale=_COLOURS), order="order:Q")
    )
    labels = (
        alt.Chart(alt.InlineData(values=totals))
        .mark_text(align="left", dx=6, fontSize=13, color=BLACK)
        .encode(x=across, y=_rows(rows), text="label:N")
    )
    return (bars + labels).properties(width=260, height=alt.Step(_STEP), title=_heading("Bytes of all 12"))


def _quality(results: Sequence[Result], rows: list[str]) -> Any:
    values = [
        {"row": result.name, "format": _NAMES[fmt], "score": score}
        for result in results
        for fmt, score in result.ssimulacra2.items()
    ]
    dots = (
        alt.Chart(alt.InlineData(values=values))
        .mark_point(size=130, filled=True, opacity=1)
        .encode(
            x=alt.X(
                "score:Q",
                title=None,
                scale=alt.Scale(zero=False, nice=True),
                axis=alt.Axis(gridColor="#e6e6e6", tickCount=5),
            ),
            y=_rows(rows),
            color=alt.Color("format:N", scale=_COLOURS),
        )
    )
    return dots.properties(width=230, height=alt.Step(_STEP), title=_heading("Quality (SSIMULACRA2)"))


def _rows(rows: list[str], *, labels: bool = False) -> alt.Y:
    axis = alt.Axis(labels=labels, labelLimit=280, labelPadding=10, labelFontSize=13)
    return alt.Y("row:N", sort=rows, title=None, axis=axis, scale=alt.Scale(domain=rows))


def _heading(text: str) -> alt.TitleParams:
    return alt.TitleParams(text, anchor="start", fontSize=14, fontWeight="normal", color=GREY, offset=8)
