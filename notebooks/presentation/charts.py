"""A chart under its finding, drawn for a wide and for a narrow page, as SVG that needs no script."""

from collections.abc import Callable, Mapping
from html import escape

import altair as alt
import vl_convert
from IPython.display import HTML

_WIDE, _NARROW = 780, 260  # pixels of plot; the page shows whichever fits
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"

Chart = alt.Chart | alt.LayerChart | alt.VConcatChart


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


def _svg(drawn: Chart) -> str:
    themed = (
        drawn.configure(font=_FONT, background="transparent", padding={"left": 12, "right": 24, "top": 4, "bottom": 4})
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=13, titleFontSize=13, titleFontWeight="normal", grid=False, domain=False)
    )
    return str(vl_convert.vegalite_to_svg(themed.to_json()))
