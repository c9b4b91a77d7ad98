"""Numbers as people read them."""

from decimal import Decimal
from typing import Any

import pandas as pd

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
_FORMATS = {"avif": "AVIF", "webp": "WebP", "jpeg": "JPEG", "none": "No picture"}
_RESULTS = {
    "Hit": "From the cache",
    "RefreshHit": "Revalidated",
    "OriginShieldHit": "Origin shield",
    "Miss": "Fetched",
    "LambdaGeneratedResponse": "Origin function",
    "FunctionGeneratedResponse": "Edge function",
}
_UNKNOWN = "–"


def _missing(value: Any) -> bool:
    return value is None or bool(pd.isna(value))


def write_text(value: Any) -> str:
    """Write a text, and a missing one as a dash."""
    return _UNKNOWN if _missing(value) or value in ("", "-") else str(value)


def write_format(value: str) -> str:
    """Write a format's name as its makers do."""
    return _FORMATS.get(value, value.upper())


def write_result(value: str) -> str:
    """Write where an answer came from, which CloudFront's log calls its result type."""
    return _RESULTS.get(value, value)


def write_count(value: Any) -> str:
    """Write a number of things: ``12,345``."""
    return _UNKNOWN if _missing(value) else f"{int(value):,}"


def write_share(value: Any) -> str:
    """Write a share of 1 as a percentage, and an unknown one as a dash."""
    return _UNKNOWN if _missing(value) else f"{float(value):.1%}"


def write_bytes(value: Any) -> str:
    """Write a number of bytes in the unit that fits, a thousand to each next."""
    if _missing(value):
        return _UNKNOWN
    size = float(value)
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable: the last unit takes every size")


def write_ms(value: Any) -> str:
    """Write milliseconds, from a second on as seconds."""
    if _missing(value):
        return _UNKNOWN
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def write_usd(value: Any) -> str:
    """Write US dollars: cents from a cent on, and below that two digits that count."""
    if _missing(value):
        return _UNKNOWN
    dollars = float(value)
    return f"${dollars:,.2f}" if dollars >= 0.01 or dollars == 0 else f"${Decimal(f'{dollars:.2g}'):f}"


def write_change(now: Any, before: Any) -> str:
    """Write how much more or less ``now`` is than ``before``, as a percentage of that."""
    if _missing(now) or _missing(before):
        return _UNKNOWN
    if before == 0:
        return "none before" if now else "none, as before"
    change = (float(now) - float(before)) / float(before)
    return "as before" if abs(change) < 0.0005 else f"{'+' if change > 0 else '−'}{abs(change):.1%}"


def write_points(now: Any, before: Any) -> str:
    """Write the difference of two shares in percentage points."""
    if _missing(now) or _missing(before):
        return _UNKNOWN
    points = 100 * (float(now) - float(before))
    return "as before" if abs(points) < 0.05 else f"{'+' if points > 0 else '−'}{abs(points):.1f} points"
