from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from flows.reporting.periods import Period
from flows.reporting.verdict import COUNTS, Figures, judge
from lambdas.core.settings import load_settings

DAY = Period(date(2026, 11, 22), date(2026, 11, 22))
EXPECTED = load_settings().analytics.model_copy(
    update={"expected_hit_ratio": 0.9, "tolerated_server_errors": 0.001, "judged_requests": 1000}
)
GOOD = Figures(requests=10_000, hits=9_500, misses=450, client_errors=50, server_errors=0, bytes=10**9)


@pytest.mark.parametrize(
    ("figures", "fine", "sentence"),
    [
        (
            GOOD,
            True,
            "22 November 2026 was fine: 10,000 requests; 95.5% of pictures from the cache; no server errors.",
        ),
        (
            replace(GOOD, server_errors=10),
            True,
            "22 November 2026 was fine: 10,000 requests; 95.5% of pictures from the cache; "
            "10 server errors (0.10% of all).",
        ),
        (
            replace(GOOD, server_errors=11),
            False,
            "22 November 2026 was not fine: 10,000 requests; 11 server errors (0.11% of all); "
            "95.5% of pictures from the cache.",
        ),
        (
            replace(GOOD, hits=8_000, misses=2_000),
            False,
            "22 November 2026 was not fine: 10,000 requests; 80.0% of pictures from the cache, where 90% is expected; "
            "no server errors.",
        ),
        (
            Figures(requests=12, hits=5, misses=7, client_errors=0, server_errors=0, bytes=1),
            True,
            "22 November 2026 was fine: 12 requests; 41.7% of pictures from the cache (too few to judge); "
            "no server errors.",
        ),
        (
            Figures(requests=1, hits=0, misses=0, client_errors=1, server_errors=0, bytes=1),
            True,
            "22 November 2026 was fine: 1 request; no picture among them; no server errors.",
        ),
        (
            Figures(requests=0, hits=0, misses=0, client_errors=0, server_errors=0, bytes=0),
            None,
            "Nothing was requested on 22 November 2026: the log has no request.",
        ),
        (None, None, "Whether 22 November 2026 was fine is not known: its query failed."),
    ],
    ids=["good", "tolerated-errors", "errors", "poor-cache", "too-few", "no-picture", "no-logs", "failed-query"],
)
def test_judgement(figures: Figures | None, fine: bool | None, sentence: str) -> None:
    verdict = judge(figures, DAY, EXPECTED)
    assert verdict.fine is fine
    assert verdict.sentence == sentence


@pytest.mark.parametrize(
    ("period", "beginning"),
    [
        (Period(date(2026, 11, 1), date(2026, 11, 7)), "1 to 7 November 2026 were fine: "),
        (Period(date(2026, 11, 1), date(2026, 11, 7), ongoing=True), "1 to 7 November 2026 have been fine so far: "),
        (Period(date(2026, 11, 7), date(2026, 11, 7), ongoing=True), "7 November 2026 has been fine so far: "),
    ],
    ids=["range", "range-to-today", "today"],
)
def test_the_tense_depends_on_whether_the_period_is_over(period: Period, beginning: str) -> None:
    assert judge(GOOD, period, EXPECTED).sentence.startswith(beginning)


@pytest.mark.parametrize("figures", [GOOD, replace(GOOD, requests=0), None])
def test_a_sentence_about_one_tenant_names_it(figures: Figures | None) -> None:
    assert " demo " in judge(figures, DAY, EXPECTED, "demo").sentence.replace(":", " ")


def test_figures_are_the_sum_of_rows() -> None:
    rows = pd.DataFrame([dict.fromkeys(COUNTS, 1), dict.fromkeys(COUNTS, 41)])
    assert Figures.total(rows).as_dict() == dict.fromkeys(COUNTS, 42) | {"hit_ratio": 0.5}


def test_no_rows_give_zero_requests() -> None:
    assert Figures.total(pd.DataFrame(columns=[*COUNTS])).requests == 0
