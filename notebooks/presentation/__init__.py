"""How notebooks show what they found: headline, key figures, charts and tables, on paper-white and any width."""

from notebooks.presentation.charts import chart
from notebooks.presentation.drawing import Unit, bars, columns, lines, ranges
from notebooks.presentation.gallery import Card, gallery
from notebooks.presentation.page import details, headline, key_figures, notice, section, small_print, style
from notebooks.presentation.palette import BLUE, GREEN, GREY, ORANGE, SERIES, SKY, VERMILION
from notebooks.presentation.tables import table
from notebooks.presentation.writing import (
    write_bytes,
    write_change,
    write_count,
    write_format,
    write_ms,
    write_points,
    write_result,
    write_share,
    write_text,
    write_usd,
)

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "SERIES",
    "SKY",
    "VERMILION",
    "Card",
    "Unit",
    "bars",
    "chart",
    "columns",
    "details",
    "gallery",
    "headline",
    "key_figures",
    "lines",
    "notice",
    "ranges",
    "section",
    "small_print",
    "style",
    "table",
    "write_bytes",
    "write_change",
    "write_count",
    "write_format",
    "write_ms",
    "write_points",
    "write_result",
    "write_share",
    "write_text",
    "write_usd",
]
