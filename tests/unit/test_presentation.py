"""Numbers as reports write them, and the sentences over their charts."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from flows.reporting.ways_out import with_way_out
from notebooks import presentation as show
from notebooks.presentation import titles


@pytest.mark.parametrize(
    ("write", "value", "written"),
    [
        (show.write_bytes, 999, "999 B"),
        (show.write_bytes, 1_234_567, "1.2 MB"),
        (show.write_usd, 1234.5, "$1,234.50"),
        (show.write_usd, 0, "$0.00"),
        (show.write_usd, 0.0000764, "$0.000076"),
        (show.write_ms, 999.4, "999 ms"),
        (show.write_ms, 1234, "1.2 s"),
        (show.write_share, None, "–"),
        (show.write_count, pd.NA, "–"),
        (show.write_text, "-", "–"),
        (show.write_result, "LambdaGeneratedResponse", "Origin function"),
        (show.write_result, "LimitExceeded", "LimitExceeded"),
    ],
)
def test_numbers(write: Callable[[Any], str], value: Any, written: str) -> None:
    assert write(value) == written


@pytest.mark.parametrize(
    ("now", "before", "written"),
    [
        (110, 100, "+10.0%"),
        (90, 100, "−10.0%"),
        (100, 100, "as before"),
        (5, 0, "none before"),
        (0, 0, "none, as before"),
        (None, 1, "–"),
    ],
)
def test_changes(now: float | None, before: float, written: str) -> None:
    assert show.write_change(now, before) == written


@pytest.mark.parametrize(
    ("hits", "said"),
    [
        ([95, 96, 99], "In every hour the cache served at least 95.0% of the pictures"),
        ([95, 80, 99], "In 1 of 3 hours the cache served less than the 90% that is expected; least at 01:00: 80.0%"),
        ([10, 20, 30], "In all 3 hours the cache served less than the 90% that is expected; least at 00:00: 10.0%"),
        ([80], "The cache served 80.0% of the pictures, where 90% is expected"),
        ([None], "No picture was served"),
    ],
)
def test_the_finding_about_hits_over_time(hits: list[int | None], said: str) -> None:
    counted = pd.DataFrame(
        {
            "time": [datetime(2026, 11, 22, hour) for hour in range(len(hits))],
            "hits": [hit or 0 for hit in hits],
            "misses": [0 if hit is None else 100 - hit for hit in hits],
        }
    )
    assert titles.hit_ratio_over_time(counted, 0.9, by_hour=True) == said


def test_the_finding_about_savings_where_there_are_none() -> None:
    sent = pd.DataFrame({"bytes": [2000], "original_bytes": [1000]})
    assert titles.savings(sent) == "Viewers got 2.0 KB; the originals would have been no more, 1.0 KB"


@pytest.mark.parametrize(
    ("reason", "way"),
    [
        ("Bytes scanned limit was exceeded", "ask about fewer days"),
        (
            "An error occurred (ThrottlingException) when calling StartQueryExecution: Rate exceeded",
            "run it again later",
        ),
        ("An error occurred (AccessDeniedException)", "let the role that runs flows query the workgroup"),
    ],
)
def test_what_athena_does_not_answer_comes_with_a_way_out(reason: str, way: str) -> None:
    assert with_way_out(reason).startswith(f"{reason}: {way}")


def test_an_unknown_reason_stays_as_it_is() -> None:
    assert with_way_out("SYNTAX_ERROR: line 1:8.") == "SYNTAX_ERROR: line 1:8."
