"""Formatted numbers, and the sentences over charts."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from notebooks import presentation as show
from notebooks.presentation import findings


@pytest.mark.parametrize(
    ("format_value", "value", "expected"),
    [
        (show.format_bytes, 999, "999 B"),
        (show.format_bytes, 1_234_567, "1.2 MB"),
        (show.format_usd, 1234.5, "$1,234.50"),
        (show.format_usd, 0, "$0.00"),
        (show.format_usd, 0.0000764, "$0.000076"),
        (show.format_ms, 999.4, "999 ms"),
        (show.format_ms, 1234, "1.2 s"),
        (show.format_share, None, "–"),
        (show.format_count, pd.NA, "–"),
        (show.format_text, "-", "–"),
        (show.format_result_type, "LambdaGeneratedResponse", "Origin function"),
        (show.format_result_type, "LimitExceeded", "LimitExceeded"),
    ],
)
def test_numbers(format_value: Callable[[Any], str], value: Any, expected: str) -> None:
    assert format_value(value) == expected


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (110, 100, "+10.0%"),
        (90, 100, "−10.0%"),
        (100, 100, "as before"),
        (5, 0, "none before"),
        (0, 0, "none, as before"),
        (None, 1, "–"),
    ],
)
def test_changes(now: float | None, before: float, expected: str) -> None:
    assert show.format_change(now, before) == expected


@pytest.mark.parametrize(
    ("hits", "expected"),
    [
        ([95, 96, 99], "In every hour the cache served at least 95.0% of the pictures"),
        ([95, 80, 99], "In 1 of 3 hours the cache served less than the 90% that is expected; least at 01:00: 80.0%"),
        ([10, 20, 30], "In all 3 hours the cache served less than the 90% that is expected; least at 00:00: 10.0%"),
        ([80], "The cache served 80.0% of the pictures, where 90% is expected"),
        ([None], "No picture was served"),
    ],
)
def test_hit_ratio_over_time(hits: list[int | None], expected: str) -> None:
    counted = pd.DataFrame(
        {
            "time": [datetime(2026, 11, 22, hour) for hour in range(len(hits))],
            "hits": [hit or 0 for hit in hits],
            "misses": [0 if hit is None else 100 - hit for hit in hits],
        }
    )
    assert findings.hit_ratio_over_time(counted, 0.9, by_hour=True) == expected


def test_no_savings() -> None:
    sent = pd.DataFrame({"bytes": [2000], "original_bytes": [1000]})
    assert findings.savings(sent) == "Viewers got 2.0 KB; the originals would have been no more, 1.0 KB"
