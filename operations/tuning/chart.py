"""A chart of a proposal: the current, needed and proposed reservation of each lane."""

from collections.abc import Sequence

import altair as alt
import pandas as pd
import vl_convert

from operations.palette import BLUE, GREY, VERMILION
from operations.tuning.proposal import Change

_CURRENT, _PROPOSED, _NEEDED = GREY, BLUE, VERMILION
_WIDTH, _ROW = 620, 46


def draw_proposal(changes: Sequence[Change], budget: int) -> bytes:
    """Return a chart of ``changes`` as PNG: for each lane a bar before and after, and a tick for the need."""
    rows = pd.DataFrame(
        [
            {"lane": change.lane, "kind": kind, "executions": executions}
            for change in changes
            for kind, executions in (("current", change.before), ("proposed", change.after))
            if executions is not None
        ]
    )
    needs = pd.DataFrame(
        [{"lane": each.lane, "need": each.need} for each in changes if each.need is not None],
        columns=["lane", "need"],
    )
    lanes = [change.lane for change in changes]
    y = alt.Y("lane:N", sort=lanes, title=None, axis=alt.Axis(ticks=False, domain=False, labelPadding=8))
    bars = (
        alt.Chart(rows)
        .mark_bar(height=14)
        .encode(
            y=y,
            yOffset=alt.YOffset("kind:N", sort=["current", "proposed"]),
            x=alt.X("executions:Q", title="Concurrent executions", axis=alt.Axis(grid=False, tickMinStep=1)),
            color=alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=["current", "proposed", "needed"], range=[_CURRENT, _PROPOSED, _NEEDED]),
                legend=alt.Legend(orient="top"),
            ),
        )
    )
    labels = bars.mark_text(align="left", dx=4, fontSize=12).encode(text="executions:Q", color=alt.value("#333333"))
    marks = alt.Chart(needs).mark_tick(thickness=3, size=34, color=_NEEDED).encode(y=y, x="need:Q")
    drawn = (bars + labels + marks).properties(
        width=_WIDTH,
        height=_ROW * len(lanes),
        title=alt.Title(f"Lanes share {budget:,} concurrent executions", anchor="start", fontSize=15),
    )
    return bytes(vl_convert.vegalite_to_png(drawn.configure_view(stroke=None).to_json(), scale=2))
