"""When people look at pictures: few by night, most in the evening."""

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

# Shares of a day's requests by hour: quiet before dawn, a rise through the working day, a peak after dinner.
HOURS = (2.0, 1.2, 0.8, 0.6, 0.5, 0.7, 1.4, 2.8, 4.2, 5.0, 5.4, 5.6, 6.0, 5.6, 5.2, 5.2, 5.4, 5.8, 6.6, 7.6, 8.0, 7.0,
         5.0, 3.2)  # fmt: skip


class NoTimeError(ValueError):
    """The days asked for have not begun; the message says what was expected."""


def moments(chance: random.Random, requests: int, last_day: date, days: int, now: datetime) -> Iterator[datetime]:
    """Yield ``requests`` moments of the ``days`` up to ``last_day`` (UTC), in order, none of them after ``now``.

    Raises:
        NoTimeError: all of these days lie in the future.
    """
    begun = [
        (datetime.combine(last_day - timedelta(days=back), time(hour), tzinfo=UTC), share)
        for back in reversed(range(days))
        for hour, share in enumerate(HOURS)
    ]
    hours = [(hour, share * min((now - hour) / timedelta(hours=1), 1)) for hour, share in begun if hour < now]
    if not hours:
        raise NoTimeError(f"expected days up to today, {now.date()} (UTC), but received {last_day}")
    chosen = chance.choices(
        [hour for hour, _ in hours], cum_weights=list(itertools.accumulate(share for _, share in hours)), k=requests
    )
    yield from sorted(
        hour + timedelta(seconds=chance.random() * min((now - hour).total_seconds(), 3600)) for hour in chosen
    )
