"""The charts of a calibration: quality against size, and size against CPU at the target."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt

from lambdas.core.keys import NEGOTIATED_FORMATS, NegotiatedFormat
from lambdas.core.settings.pictures import AvifEncoder, Encoder, JpegEncoder, WebpEncoder
from operations.calibration.candidates import describe
from operations.calibration.choose import UnreachableTargetError, at_target
from operations.calibration.report import NAMES, finding
from operations.calibration.survey import Choice, Survey
from operations.palette import BLACK, BLUE, FONT, GREEN, GREY, ORANGE, PURPLE, VERMILION

_WIDTH, _HEIGHT = 300, 260  # pixels of one panel
_EFFORTS = {0: ORANGE, 1: GREEN, 2: BLUE, 4: PURPLE, 6: BLACK}
_TABLES = {0: ORANGE, 3: BLUE}


def save_charts(
    surveyed: Survey, choices: Mapping[NegotiatedFormat, Choice], target: float, folder: Path
) -> list[Path]:
    """Draw the calibration into ``folder`` as ``calibration.svg`` and ``calibration.html``; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    chart = _chart(surveyed, choices, target)
    paths = [folder / "calibration.svg", folder / "calibration.html"]
    for path in paths:
        chart.save(path)
    return paths


def _chart(surveyed: Survey, choices: Mapping[NegotiatedFormat, Choice], target: float) -> Any:
    rows = alt.vconcat(
        alt.hconcat(*(_curves(fmt, surveyed, target) for fmt in NEGOTIATED_FORMATS)).resolve_scale(color="independent"),
        alt.hconcat(*(_trade(fmt, surveyed, choices[fmt], target) for fmt in NEGOTIATED_FORMATS)).resolve_scale(
            color="independent"
        ),
        spacing=28,
    )
    title = alt.TitleParams(
        finding(choices, target),
        subtitle=[
            "Top: every candidate over its qualities. Bottom: its size and CPU at the target.",
            "Means over all photographs and all rungs but the widest; the headline is over all rungs.",
            "Circled: the proposed settings.",
        ],
        anchor="start",
        fontSize=17,
        subtitleFontSize=13,
        subtitleColor=GREY,
        offset=18,
    )
    return (
        rows.resolve_scale(color="independent")
        .properties(title=title)
        .configure(font=FONT, background="white", padding=18)
        .configure_view(stroke="#dddddd")
        .configure_axis(labelFontSize=12, titleFontSize=12, titleFontWeight="normal", gridColor="#eeeeee")
        .configure_legend(labelFontSize=12, titleFontSize=12)
    )


def _curves(fmt: NegotiatedFormat, surveyed: Survey, target: float) -> Any:
    rows = [
        {
            "candidate": name,
            "kind": _kind(curve.encoder),
            "bits": point.bits_per_pixel,
            "score": point.ssimulacra2,
            "quality": point.quality,
        }
        for name, curve in surveyed[fmt].items()
        for point in curve.points
    ]
    lines = (
        alt.Chart(alt.InlineData(values=rows), title=alt.TitleParams(NAMES[fmt], anchor="start", fontSize=14))
        .mark_line(point=alt.OverlayMarkDef(size=22), strokeWidth=1.4, opacity=0.85)
        .encode(
            x=alt.X("bits:Q", title="bits/pixel", scale=alt.Scale(type="log", nice=False)),
            y=alt.Y("score:Q", title="SSIMULACRA2", scale=alt.Scale(zero=False)),
            color=_colour(fmt),
            detail="candidate:N",
            tooltip=["candidate:N", "quality:Q", "bits:Q", "score:Q"],
        )
    )
    rule = alt.Chart(alt.InlineData(values=[{"target": target}])).mark_rule(color=VERMILION, strokeDash=[5, 4])
    return (lines + rule.encode(y="target:Q")).properties(width=_WIDTH, height=_HEIGHT)


def _trade(fmt: NegotiatedFormat, surveyed: Survey, choice: Choice, target: float) -> Any:
    rows = []
    for name, curve in surveyed[fmt].items():
        try:
            point = at_target(curve.points, target)
        except UnreachableTargetError:
            continue
        rows.append(
            {
                "candidate": name,
                "kind": _kind(curve.encoder),
                "bits": point.bits_per_pixel,
                "cpu": point.cpu_ms_per_megapixel,
                "chosen": name == describe(choice.encoder),
            }
        )
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("cpu:Q", title="CPU ms/megapixel", scale=alt.Scale(type="log", nice=False, padding=20)),
        y=alt.Y("bits:Q", title=f"bits/pixel at {target:g}", scale=alt.Scale(zero=False, padding=12)),
        tooltip=["candidate:N", "bits:Q", "cpu:Q"],
    )
    chosen = base.transform_filter("datum.chosen")
    ring = chosen.mark_point(size=260, color=VERMILION, strokeWidth=2, filled=False)
    label = chosen.mark_text(dy=-17, fontSize=12, color=BLACK).encode(text="candidate:N")
    dots = base.mark_point(size=60, filled=True, opacity=1).encode(color=_colour(fmt))
    return (dots + ring + label).properties(width=_WIDTH, height=_HEIGHT)


def _kind(encoder: Encoder) -> int:
    match encoder:
        case AvifEncoder() | WebpEncoder():
            return encoder.effort
        case JpegEncoder():
            return encoder.quantization_table
    raise TypeError(f"expected an encoder of AVIF, WebP or JPEG but received {type(encoder).__name__}")


def _colour(fmt: NegotiatedFormat) -> Any:
    colours = _TABLES if fmt == "jpeg" else _EFFORTS
    title = "quantization table" if fmt == "jpeg" else "effort"
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color("kind:O", title=title, scale=scale, legend=alt.Legend(orient="top", symbolType="circle"))
