"""The days that a report covers."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self


class PeriodError(ValueError):
    """The days are not a valid period; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in UTC, the last one included; ``ongoing`` if that is today."""

    first_day: date
    last_day: date
    ongoing: bool = False

    @classmethod
    def of(
        cls, first_day: date | None, last_day: date | None = None, days: int = 1, *, today: date | None = None
    ) -> Self:
        """Return the days from ``first_day`` to ``last_day``; one day if only the first is given.

        Without a first day, the ``days`` up to the last one, which is yesterday by default. ``today`` is the current
        day in UTC, for tests; a report about it covers what has been logged so far.

        Raises:
            PeriodError: the period ends before it begins, or lies in the future.
        """
        today = today or datetime.now(UTC).date()
        last = last_day or first_day or today - timedelta(days=1)
        first = first_day or last - timedelta(days=days - 1)
        if last < first:
            raise PeriodError(f"expected a last day on or after {first} but received {last}")
        if last > today:
            raise PeriodError(f"expected days up to today, {today} (UTC), but received {last}")
        return cls(first, last, ongoing=last == today)

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last_day - self.first_day).days + 1

    @property
    def previous(self) -> "Period":
        """The equally long period right before, for comparisons."""
        return Period(self.first_day - timedelta(days=self.days), self.first_day - timedelta(days=1))

    @property
    def label(self) -> str:
        """The period in words: ``23 November 2026``, ``1 to 7 November 2026``."""
        first, last = self.first_day, self.last_day
        ending = f"{last.day} {last:%B %Y}"
        if first == last:
            return ending
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day} to {ending}"
        return f"{first.day} {first:%B}{'' if first.year == last.year else f' {first.year}'} to {ending}"

    @property
    def slug(self) -> str:
        """The period in a path: ``2026-11-23``, ``2026-11-01_2026-11-07``."""
        return str(self.first_day) if self.first_day == self.last_day else f"{self.first_day}_{self.last_day}"

    @property
    def parameters(self) -> dict[str, int]:
        """The parameters of SQL files: years, and days as numbers such as 20261123."""
        return {
            "first_year": self.first_day.year,
            "last_year": self.last_day.year,
            "first_day": int(f"{self.first_day:%Y%m%d}"),
            "last_day": int(f"{self.last_day:%Y%m%d}"),
        }
