"""One picture of the replay: hit ratios and objects of each cache key."""

from collections.abc import Sequence
from pathlib import Path

import altair as alt

from operations.palette import BLUE, FONT, GREY
from tests.bench.delivery.replay import Replayed


def save_chart(replayed: Sequence[Replayed], title: str, path: Path) -> None:
    """Draw ``replayed`` into the SVG file ``path``."""
    gigabyte = 1e9
    panels = [
        _panel(replayed, "Hits, warm", [each.warm_hit_ratio * 100 for each in replayed], "{:.1f} %", names=True),
        _panel(replayed, "Distinct objects", [float(each.objects) for each in replayed], "{:,.0f}"),
        _panel(replayed, "GB from the origin", [each.origin_bytes / gigabyte for each in replayed], "{:.0f}"),
    ]
    chart = (
        alt.hconcat(*panels, spacing=26)
        .properties(title=alt.TitleParams(title, anchor="start", fontSize=19, offset=16))
        .configure(font=FONT, background="white", padding=18)
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=13, titleFontSize=13, domain=False, ticks=False, grid=False)
    )
    chart.save(path)


def _panel(
    replayed: Sequence[Replayed], title: str, figures: Sequence[float], form: str, *, names: bool = False
) -> alt.LayerChart:
    rows = [each.name for each in replayed]
    values = [
        {"row": row, "figure": figure, "label": form.format(figure), "ours": row == rows[0]}
        for row, figure in zip(rows, figures, strict=True)
    ]
    axis = alt.Axis(title=None, labels=names)
    across = alt.X("figure:Q", title=None, axis=None, scale=alt.Scale(domain=[0, max(figures) * 1.25]))
    base = alt.Chart(alt.InlineData(values=values)).encode(y=alt.Y("row:N", sort=rows, axis=axis), x=across)
    bars = base.mark_bar(height=26).encode(
        color=alt.condition("datum.ours", alt.value(BLUE), alt.value(GREY)),
    )
    labels = base.mark_text(align="left", dx=6, fontSize=13).encode(text="label:N")
    return alt.layer(bars, labels).properties(width=230, height=130, title=title)
