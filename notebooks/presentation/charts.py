"""Charts as SVG without scripts, drawn for a wide and for a narrow page, under a title that states the finding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

import altair as alt
import pandas as pd
import vl_convert
from IPython.display import HTML

from operations.palette import BLUE, FONT, GREEN, GREY, ORANGE, SKY, VERMILION

SERIES = (BLUE, ORANGE, GREEN, SKY, VERMILION, GREY)
"""Colours of a series, in order."""

_WIDE, _NARROW = 780, 260  # plot widths in pixels; the page shows the one that fits
_ROW, _BAR = 44, 26  # pixels, of a row of bars
_HEIGHT = 150  # pixels, of a chart over time
_LABEL = 13  # pixels
_TICKS_WIDE, _TICKS_NARROW, _FEW_TICKS_WIDTH = 8, 4, 400

Chart = alt.Chart | alt.LayerChart | alt.VConcatChart


def chart(finding: str, note: str, legend: Mapping[str, str], draw: Callable[[int], Chart]) -> HTML:
    """Return a chart.

    Args:
        finding: what the chart shows, as a sentence.
        note: units, and what is counted.
        legend: the colour of each kind of mark, by name.
        draw: returns the chart for a plot of the given width in pixels, without a legend.
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


def _svg(drawn: Chart) -> str:
    themed = (
        drawn.configure(font=FONT, background="transparent", padding={"left": 12, "right": 24, "top": 4, "bottom": 4})
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=13, titleFontSize=13, titleFontWeight="normal", grid=False, domain=False)
    )
    return str(vl_convert.vegalite_to_svg(themed.to_json()))


@dataclass(frozen=True, slots=True)
class Unit:
    """How a quantity is labelled: the ``title`` of its axis, d3's ``format``, and a suffix."""

    title: str
    format: str = "~s"
    suffix: str = ""

    def axis(self, ticks: int) -> alt.Axis:
        """Return an axis with about that number of ``ticks``."""
        return alt.Axis(tickCount=ticks, labelExpr=self._expression("datum.value", self.format))

    def label(self, field: str) -> str:
        """Return a Vega expression that formats ``field``, with three digits if the format abbreviates."""
        return self._expression(f"datum.{field}", self.format.replace("~s", ".3~s"))

    def _expression(self, value: str, form: str) -> str:
        text = f"format({value}, '{form}')"
        return rf"replace({text} + '{self.suffix}', /([kMGTP]?{self.suffix})$/, ' $1')" if self.suffix else text


def bars(
    rows: pd.DataFrame, label: str, series: Mapping[str, tuple[str, str]], unit: Unit, width: int
) -> alt.LayerChart:
    """Draw a stacked bar for each row, in the order of ``rows``, labelled with its total.

    Args:
        rows: what to draw.
        label: the column with the names of the rows.
        series: column and colour by name, in stacking order.
        unit: of the values.
        width: of the plot, in pixels.
    """
    totals = rows[[column for column, _ in series.values()]].astype(float).sum(axis=1)
    long = pd.concat(
        pd.DataFrame({label: rows[label], "series": name, "place": place, "value": rows[column], "total": totals})
        for place, (name, (column, _)) in enumerate(series.items())
    ).astype({"value": float, "total": float})
    base = alt.Chart(long).encode(
        y=alt.Y(f"{label}:N", sort=list(rows[label]), title=None, axis=alt.Axis(ticks=False, labelPadding=8))
    )
    drawn = base.mark_bar(height=_BAR).encode(
        x=alt.X("value:Q", title=unit.title, axis=unit.axis(4)),
        color=_colours({name: colour for name, (_, colour) in series.items()}),
        order="place:Q",
    )
    ends = base.transform_filter("datum.place == 0").transform_calculate(written=unit.label("total"))
    written = ends.mark_text(align="left", dx=6, fontSize=_LABEL).encode(x="total:Q", text="written:N")
    layered: alt.LayerChart = (drawn + written).properties(width=width, height=_ROW * len(rows))
    return layered


def columns(rows: pd.DataFrame, time: str, series: Mapping[str, tuple[str, str]], unit: Unit, width: int) -> alt.Chart:
    """Draw a stacked column for each row over ``time``, a column of timestamps; otherwise as :func:`bars`."""
    long = pd.concat(
        pd.DataFrame({time: rows[time], "series": name, "place": place, "value": rows[column]})
        for place, (name, (column, _)) in enumerate(series.items())
    ).astype({"value": float})
    stacked: alt.Chart = (
        alt.Chart(long)
        .mark_bar(size=max(2, min(26, 0.7 * width / (_steps(rows[time]) + 1))))
        .encode(
            x=_time_axis(rows[time], time, width),
            y=alt.Y("value:Q", title=unit.title, axis=unit.axis(3)),
            color=_colours({name: colour for name, (_, colour) in series.items()}),
            order="place:Q",
        )
        .properties(width=width, height=_HEIGHT)
    )
    return stacked


def lines(rows: pd.DataFrame, time: str, share: str, expected: float, width: int) -> alt.LayerChart:
    """Draw a share from 0 to 1 over time, with a dashed line at the expected minimum."""
    given = rows[[time, share]].dropna().astype({share: float})
    low = min([expected, *given[share]]) if len(given) else expected
    scale = alt.Scale(domain=[max(0.0, low - 0.1 * (1 - low) - 0.02), 1.0], clamp=True)
    y = alt.Y(f"{share}:Q", title="From the cache", scale=scale, axis=alt.Axis(tickCount=3, format="~%"))
    drawn = alt.Chart(given).encode(x=_time_axis(rows[time], time, width), y=y)
    rule = alt.Chart(pd.DataFrame({share: [expected]})).mark_rule(strokeDash=[5, 4], color=GREY, size=2).encode(y=y)
    line = drawn.mark_line(color=BLUE, size=2.5, point=alt.OverlayMarkDef(color=BLUE, size=36))
    layered: alt.LayerChart = (rule + line).properties(width=width, height=_HEIGHT)
    return layered


def ranges(rows: pd.DataFrame, label: str, low: str, middle: str, high: str, unit: Unit, width: int) -> alt.LayerChart:
    """Draw a bar from ``low`` to ``high`` for each row, with a dot at ``middle``, on a logarithmic axis."""
    given = rows[[label, low, middle, high]].astype(dict.fromkeys((low, middle, high), float))
    given = given.assign(**{name: given[name].clip(lower=0.1) for name in (low, middle, high)})
    base = alt.Chart(given).encode(
        y=alt.Y(f"{label}:N", sort=list(given[label]), title=None, axis=alt.Axis(ticks=False, labelPadding=8))
    )
    decades = [float(10**power) for power in range(-1, 7) if given[low].min() / 2 <= 10**power <= given[high].max() * 2]
    axis = alt.Axis(values=decades, format=unit.format)
    x = alt.X(f"{low}:Q", title=unit.title, scale=alt.Scale(type="log", nice=False, padding=12), axis=axis)
    span = base.mark_bar(height=8, color=BLUE, opacity=0.35).encode(x=x, x2=f"{high}:Q")
    dots = [
        base.mark_point(filled=True, size=size, color=BLUE, opacity=1).encode(x=f"{name}:Q")
        for name, size in ((low, 160), (middle, 70), (high, 70))
    ]
    written = base.mark_text(align="left", dx=8, fontSize=_LABEL).encode(
        x=f"{high}:Q", text=alt.Text(f"{high}:Q", format=",.0f")
    )
    layered = alt.LayerChart(layer=[span, *dots, written])
    return layered.properties(width=width, height=_ROW * len(given))


def _colours(by_name: Mapping[str, str]) -> alt.Color:
    scale = alt.Scale(domain=list(by_name), range=list(by_name.values()))
    return alt.Color("series:N", scale=scale, legend=None)


def _steps(times: pd.Series) -> int:
    """Return the length of ``times`` in units of their shortest step."""
    gaps = times.drop_duplicates().sort_values().diff().dropna()
    return 1 if gaps.empty else int((times.max() - times.min()) / gaps.min())


def _time_axis(times: pd.Series, column: str, width: int) -> alt.X:
    by_hour = times.max() - times.min() <= pd.Timedelta(days=2) and (times.dt.hour != 0).any()
    gap = pd.Timedelta(hours=1) if by_hour else pd.Timedelta(days=1)
    wanted = _TICKS_WIDE if width > _FEW_TICKS_WIDTH else _TICKS_NARROW
    step = next(step for step in (1, 2, 3, 6, 12, 24, 48, 96) if (times.max() - times.min()) / gap / step < wanted)
    marks = pd.date_range(times.min(), times.max(), freq=gap * step)
    axis = alt.Axis(
        format="%H:%M" if by_hour else "%-d %b",
        values=[alt.DateTime(year=at.year, month=at.month, date=at.day, hours=at.hour) for at in marks],
        labelFlush=False,
        ticks=False,
        labelPadding=6,
    )
    domain = [moment.isoformat() for moment in (times.min() - gap / 2, times.max() + gap / 2)]
    return alt.X(f"{column}:T", title=None, axis=axis, scale=alt.Scale(domain=domain, nice=False))
