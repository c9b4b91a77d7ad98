"""A picture of a proposal: what each lane has, needs and is to have."""

from collections.abc import Sequence

import altair as alt
import pandas as pd
import vl_convert

from operations.tuning.proposal import Change

# Okabe and Ito's palette: told apart with any colour vision.
_HAS, _GETS, _NEEDS = "#999999", "#0072b2", "#d55e00"
_WIDTH, _ROW = 620, 46


def draw_proposal(changes: Sequence[Change], budget: int) -> bytes:
    """Return a chart of ``changes`` as PNG: for each lane a bar of what it has, one of what it gets, a mark of need."""
    rows = pd.DataFrame(
        [
            {"lane": change.lane, "kind": kind, "executions": executions}
            for change in changes
            for kind, executions in (("has", change.before), ("is to have", change.after))
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
            yOffset=alt.YOffset("kind:N", sort=["has", "is to have"]),
            x=alt.X("executions:Q", title="Executions at once", axis=alt.Axis(grid=False, tickMinStep=1)),
            color=alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=["has", "is to have", "needs"], range=[_HAS, _GETS, _NEEDS]),
                legend=alt.Legend(orient="top"),
            ),
        )
    )
    labels = bars.mark_text(align="left", dx=4, fontSize=12).encode(text="executions:Q", color=alt.value("#333333"))
    marks = alt.Chart(needs).mark_tick(thickness=3, size=34, color=_NEEDS).encode(y=y, x="need:Q")
    drawn = (bars + labels + marks).properties(
        width=_WIDTH,
        height=_ROW * len(lanes),
        title=alt.Title(f"Lanes share {budget:,} executions at once", anchor="start", fontSize=15),
    )
    return bytes(vl_convert.vegalite_to_png(drawn.configure_view(stroke=None).to_json(), scale=2))
