"""Numbers and names, formatted for reading."""

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


def format_text(value: Any) -> str:
    """Format a text; a missing one is a dash."""
    return _UNKNOWN if _missing(value) or value in ("", "-") else str(value)


def format_image_type(value: str) -> str:
    """Format the name of an image format: ``WebP``."""
    return _FORMATS.get(value, value.upper())


def format_result_type(value: str) -> str:
    """Format CloudFront's result type of a response."""
    return _RESULTS.get(value, value)


def format_count(value: Any) -> str:
    """Format a count: ``12,345``."""
    return _UNKNOWN if _missing(value) else f"{int(value):,}"


def format_share(value: Any) -> str:
    """Format a share from 0 to 1 as a percentage; a missing one is a dash."""
    return _UNKNOWN if _missing(value) else f"{float(value):.1%}"


def format_bytes(value: Any) -> str:
    """Format a number of bytes in a decimal unit: ``1.2 MB``."""
    if _missing(value):
        return _UNKNOWN
    size = float(value)
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable: the last unit has no limit")


def format_ms(value: Any) -> str:
    """Format milliseconds; from one second on, as seconds."""
    if _missing(value):
        return _UNKNOWN
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def format_usd(value: Any) -> str:
    """Format US dollars: with cents, or with two significant digits below one cent."""
    if _missing(value):
        return _UNKNOWN
    dollars = float(value)
    return f"${dollars:,.2f}" if dollars >= 0.01 or dollars == 0 else f"${Decimal(f'{dollars:.2g}'):f}"


def format_change(now: Any, before: Any) -> str:
    """Format the relative change from ``before`` to ``now`` as a percentage."""
    if _missing(now) or _missing(before):
        return _UNKNOWN
    if before == 0:
        return "none before" if now else "none, as before"
    change = (float(now) - float(before)) / float(before)
    return "as before" if abs(change) < 0.0005 else f"{'+' if change > 0 else '−'}{abs(change):.1%}"


def format_points(now: Any, before: Any) -> str:
    """Format the difference of two shares in percentage points."""
    if _missing(now) or _missing(before):
        return _UNKNOWN
    points = 100 * (float(now) - float(before))
    return "as before" if abs(points) < 0.05 else f"{'+' if points > 0 else '−'}{abs(points):.1f} points"
