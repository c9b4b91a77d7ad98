"""The estimate as tables: the bill by pictures per day, by formats drawn ahead, and the concurrency at peak."""

import math
from collections.abc import Sequence
from dataclasses import replace

from lambdas.core.keys import FORMATS, NEGOTIATED_FORMATS, NegotiatedFormat, Variant
from lambdas.core.settings import Settings
from operations.costs.estimate import (
    at_peak,
    derivative_bytes,
    derivative_storage_cost,
    drawn_ahead_cost,
    drawn_on_request_cost,
    monthly_costs,
    storage_cost,
)
from operations.costs.workload import Pictures

Row = tuple[str, ...]

_TOTAL = "Together"
_KEPT = "Stored, for each month that they are kept"
_MILLION = 1_000_000


def bill(pictures: Pictures, per_day: Sequence[int], settings: Settings) -> list[Row]:
    """Return a header, a row for each part of the bill in USD a month, their sum, and the cost of storage."""
    by_scale = [replace(pictures, per_day=count) for count in per_day]
    lines = [monthly_costs(each, settings) for each in by_scale]
    parts = list(dict.fromkeys(line.part for line in lines[0]))
    return [
        ("USD a month", *map(_pictures, per_day)),
        *((part, *(_usd(sum(line.usd for line in each if line.part == part)) for each in lines)) for part in parts),
        (_TOTAL, *(_usd(sum(line.usd for line in each)) for each in lines)),
        (_KEPT, *(_usd(storage_cost(each, settings)) for each in by_scale)),
    ]


def levers(pictures: Pictures, settings: Settings) -> list[Row]:
    """Return the bill by the formats that the pipeline draws ahead; the others are drawn on the first request."""
    rows: list[Row] = [(f"Drawn ahead, {_pictures(pictures.per_day)}", "derivatives", "USD a month", _KEPT)]
    sets: list[tuple[NegotiatedFormat, ...]] = [tuple(NEGOTIATED_FORMATS), ("avif", "jpeg"), ("avif",)]
    for formats in sets:
        rendering = settings.rendering.model_copy(update={"eager_formats": formats})
        drawn = settings.model_copy(update={"rendering": rendering})
        total = sum(line.usd for line in monthly_costs(pictures, drawn))
        count = str(len(drawn.eager_variants))
        rows.append((", ".join(formats), count, _usd(total), _usd(storage_cost(pictures, drawn))))
    return rows


def variants(pictures: Pictures, settings: Settings) -> list[Row]:
    """Return the number of a picture's variants, and what they cost for a million pictures if all are requested."""
    ladder = settings.ladder
    every = [
        Variant(width, height, fmt) for width in ladder.widths for height in ladder.heights(width) for fmt in FORMATS
    ]
    ahead = settings.eager_variants
    widths = [each for each in every if each.height == 0 and each not in ahead]
    crops = [each for each in every if each.height != 0]
    drawn = [drawn_ahead_cost(pictures, settings)]
    drawn += [sum(drawn_on_request_cost(pictures, each, settings) for each in some) for some in (widths, crops)]
    kinds: tuple[tuple[str, Sequence[Variant]], ...] = (
        ("drawn ahead", ahead),
        ("other widths, on request", widths),
        ("crops, on request", crops),
    )
    header = ("A picture's variants", "number", "KB", "USD, drawn of a million pictures", "Stored, USD a month")
    rows = [
        (name, len(some), derivative_bytes(pictures, some), usd) for (name, some), usd in zip(kinds, drawn, strict=True)
    ]
    together = (_TOTAL, sum(row[1] for row in rows), sum(row[2] for row in rows), sum(row[3] for row in rows))
    return [
        header,
        *(
            (
                name,
                str(number),
                f"{size / 1000:,.0f}",
                _usd(usd * _MILLION),
                _usd(derivative_storage_cost(size) * _MILLION),
            )
            for name, number, size, usd in (*rows, together)
        ),
    ]


def peak(pictures: Pictures, settings: Settings) -> list[Row]:
    """Return the concurrency at the peak of a day."""
    return [
        (f"At the peak, {_pictures(pictures.per_day)}", "calls a second", "seconds", "at once"),
        *(
            (each.what, f"{each.calls:,.0f}", f"{each.seconds:.2f}", f"{each.count:,.0f}")
            for each in at_peak(pictures, settings)
        ),
    ]


def markdown(rows: Sequence[Row]) -> str:
    """Return ``rows`` as a Markdown table: a header, and all but the first column aligned right."""
    rule = ("---", *("---:" for _ in rows[0][1:]))
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:]))


def _pictures(per_day: int) -> str:
    if per_day == 0:
        return "idle"
    return f"{per_day / _MILLION:g} M a day" if per_day >= _MILLION else f"{per_day:,} a day"


def _usd(amount: float) -> str:
    """Return ``amount`` with two significant digits, the precision of the estimate."""
    if amount < 1:
        return "0" if amount == 0 else f"{amount:.2f}"
    step = 10 ** max(0, math.floor(math.log10(amount)) - 1)
    return f"{round(amount / step) * step:,}"
