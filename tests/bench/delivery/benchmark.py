"""``make bench ONLY=delivery``: replay the trace, time the function, load the edge and nginx; figures and a chart."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import altair as alt
from rich.console import Console
from rich.table import Table

from lambdas.core.settings import load_settings
from lambdas.edge.inline import viewer_request_source
from operations.palette import BLUE, FONT, GREY
from tests.bench.delivery.function import microseconds_by_kind
from tests.bench.delivery.hits import compare_hits
from tests.bench.delivery.replay import REQUESTS, Replayed, replay
from tests.bench.machine import describe_machine
from tests.bench.targets import Target


def run(console: Console, out: Path) -> list[Target]:
    """Measure, print and write; return the targets."""
    settings, machine = load_settings(), describe_machine()
    with console.status(f"Replaying two traces of {REQUESTS:,} requests"):
        replayed = replay(settings)
    with console.status("Timing the viewer-request function"):
        kinds = microseconds_by_kind(settings)
    with console.status("Loading the local edge, and nginx"):
        hits = compare_hits()
    ours, raw = replayed[0], replayed[-1]
    edge, nginx = hits["edge"], hits.get("nginx")
    figures: dict[str, Any] = {
        "replay_hit_ratio": round(ours.warm_hit_ratio, 4),
        "replay_objects_vs_raw_accept": round(ours.objects / raw.objects, 4),
        "viewer_request_us_median": max(kinds.values()),
        "edge_rps_vs_nginx": round(edge.per_core_second / nginx.per_core_second, 4) if nginx else None,
    }
    report = {
        **figures,
        "machine": machine,
        "requests": REQUESTS,
        "replay": [asdict(each) for each in replayed],
        "viewer_request_us": kinds,
        "viewer_request_bytes": len(viewer_request_source(settings).encode()),
        "hits": {name: asdict(each) for name, each in hits.items()},
    }
    written, chart = out / "delivery.json", out / "delivery.svg"
    written.write_text(json.dumps(report, indent=1), encoding="utf-8")
    title = f"{ours.warm_hit_ratio:.1%} hits with {raw.objects / ours.objects:.0f} times fewer objects than a raw key"
    save_chart(replayed, title, chart)
    console.print(replay_table(replayed))
    for kind, microseconds in kinds.items():
        console.print(f"  {microseconds:6.1f} µs  {kind}")
    console.print(f"Viewer-request function: {report['viewer_request_bytes']:,} bytes of 10,240")
    for name, each in hits.items():
        console.print(
            f"{name}: {each.per_core_second:,.0f} hits a second of one core,"
            f" p99 {each.p99_ms:.1f} ms at {each.requests_per_second:,.0f} a second"
        )
    if nginx is None:
        console.print("nginx: not on this machine, so there is no edge_rps_vs_nginx")
    console.print(f"Figures: {written}\nChart:   {chart}", soft_wrap=True)
    return [
        Target("replay_hit_ratio", figures["replay_hit_ratio"], 0.95, "at least"),
        Target("replay_objects_vs_raw_accept", figures["replay_objects_vs_raw_accept"], 0.2),
        Target("viewer_request_us_median, slowest kind", figures["viewer_request_us_median"], 100),
    ]


def replay_table(replayed: list[Replayed]) -> Table:
    """Return the replay's figures, a row a cache key."""
    table = Table(title=f"Replay of {REQUESTS:,} requests", title_justify="left")
    for heading in ("Cache key", "hits, cold", "hits, warm", "objects", "GB from the origin"):
        table.add_column(heading, justify="left" if heading == "Cache key" else "right")
    for each in replayed:
        ratios = f"{each.cold_hit_ratio:.1%}", f"{each.warm_hit_ratio:.1%}"
        table.add_row(each.name, *ratios, f"{each.objects:,}", f"{each.origin_bytes / 1e9:.1f}")
    return table


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
