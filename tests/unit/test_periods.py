from datetime import date

import pytest

from flows.reporting.periods import Period, PeriodError

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, (date(2026, 11, 22), date(2026, 11, 22))),
        (date(2026, 11, 1), None, (date(2026, 11, 1), date(2026, 11, 1))),
        (date(2026, 11, 1), date(2026, 11, 7), (date(2026, 11, 1), date(2026, 11, 7))),
        (None, date(2026, 11, 7), (date(2026, 11, 7), date(2026, 11, 7))),
        (TODAY, TODAY, (TODAY, TODAY)),
    ],
    ids=["yesterday", "day", "range", "last-day-alone", "today-so-far"],
)
def test_days(first: date | None, last: date | None, expected: tuple[date, date]) -> None:
    period = Period.of(first, last, today=TODAY)
    assert (period.first_day, period.last_day) == expected
    assert period.ongoing is (period.last_day == TODAY)


def test_a_number_of_days_ends_yesterday_or_on_the_last_day() -> None:
    assert Period.of(None, days=7, today=TODAY) == Period(date(2026, 11, 16), date(2026, 11, 22))
    assert Period.of(None, date(2026, 11, 7), days=7, today=TODAY) == Period(date(2026, 11, 1), date(2026, 11, 7))
    assert Period.of(date(2026, 11, 1), days=7, today=TODAY).days == 1


def test_the_previous_period_is_equally_long() -> None:
    week = Period(date(2026, 3, 2), date(2026, 3, 8))
    assert week.previous == Period(date(2026, 2, 23), date(2026, 3, 1))
    assert week.previous.days == week.days == 7


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (date(2026, 11, 7), date(2026, 11, 1), "expected a last day on or after 2026-11-07 but received 2026-11-01"),
        (date(2026, 11, 24), None, r"expected days up to today, 2026-11-23 \(UTC\), but received 2026-11-24"),
        (date(2026, 11, 1), date(2027, 1, 1), "expected days up to today, .* but received 2027-01-01"),
    ],
    ids=["reversed", "future", "range-into-the-future"],
)
def test_refused(first: date, last: date | None, message: str) -> None:
    with pytest.raises(PeriodError, match=message):
        Period.of(first, last, today=TODAY)


@pytest.mark.parametrize(
    ("first", "last", "label", "slug"),
    [
        (date(2026, 11, 2), date(2026, 11, 2), "2 November 2026", "2026-11-02"),
        (date(2026, 11, 1), date(2026, 11, 7), "1 to 7 November 2026", "2026-11-01_2026-11-07"),
        (date(2026, 10, 28), date(2026, 11, 3), "28 October to 3 November 2026", "2026-10-28_2026-11-03"),
        (date(2026, 12, 30), date(2027, 1, 2), "30 December 2026 to 2 January 2027", "2026-12-30_2027-01-02"),
    ],
)
def test_label_and_slug(first: date, last: date, label: str, slug: str) -> None:
    period = Period(first, last)
    assert (period.label, period.slug) == (label, slug)


def test_parameters_are_numbers() -> None:
    assert Period(date(2026, 12, 30), date(2027, 1, 2)).parameters == {
        "first_year": 2026,
        "last_year": 2027,
        "first_day": 20261230,
        "last_day": 20270102,
    }
