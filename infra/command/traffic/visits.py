"""Visits to a site's pictures in order of time: from its own pages, other sites, bots, and dead links."""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from infra.command.traffic.trace import TracedRequest, trace
from lambdas.core.keys import ImageId

Kind = Literal["page", "hotlink", "dead link", "malformed"]

_OWN_PAGES = ("https://www.example.com/", "https://www.example.com/gallery", "https://shop.example.com/p/{}")
_OTHER_PAGES = (
    "https://pictures-for-free.example.net/top",
    "https://forum.example.org/t/{}",
    "https://copycat.example/",
)
_MALFORMED = ("w=wide", "w=0", "dpr=three", "ar=7:5", "fmt=gif", "w=800&w=900")
# Shares of all requests; the rest come from the site's own pages.
_ODD: tuple[tuple[Kind, float], ...] = (("hotlink", 0.05), ("dead link", 0.02), ("malformed", 0.005))


# Shares of a day's requests by hour: quiet before dawn, a rise through the working day, a peak after dinner.
HOURS = (2.0, 1.2, 0.8, 0.6, 0.5, 0.7, 1.4, 2.8, 4.2, 5.0, 5.4, 5.6, 6.0, 5.6, 5.2, 5.2, 5.4, 5.8, 6.6, 7.6, 8.0, 7.0,
         5.0, 3.2)  # fmt: skip


class NoTimeError(ValueError):
    """All requested days are in the future."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request. ``width`` is the number of device pixels that the viewer needs, ``address`` its IP address."""

    kind: Kind
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    width: int
    moment: datetime
    address: str

    @property
    def target(self) -> str:
        """The path with its query string."""
        return f"{self.path}?{self.query}" if self.query else self.path


def visits(
    seed: int,
    requests: int,
    image_ids: Sequence[ImageId],
    *,
    last_day: date,
    days: int,
    now: datetime,
    gone: Sequence[ImageId] = (),
) -> Iterator[Visit]:
    """Yield ``requests`` visits; the same arguments give the same visits.

    Args:
        seed: of the random generators.
        requests: how many to yield.
        image_ids: the pictures that pages show, in any order; a few become popular.
        last_day: the last day (UTC).
        days: how many days to spread the visits over.
        now: no visit is later than this.
        gone: ids for dead links, such as those of rejected uploads; some invented ones are added.

    Raises:
        NoTimeError: all of the days are in the future.
    """
    chance, of_time = random.Random(seed), random.Random(seed + 1)  # noqa: S311 - not a secret
    popular = sorted(image_ids)
    chance.shuffle(popular)
    dead = [*sorted(gone), *(ImageId(f"{chance.getrandbits(128):032x}") for _ in range(5))]
    when = moments(of_time, requests, last_day, days, now)
    for request, moment in zip(trace(seed, requests, len(popular)), when, strict=True):
        yield _visit(chance, request, moment, popular, dead)


def moments(chance: random.Random, requests: int, last_day: date, days: int, now: datetime) -> Iterator[datetime]:
    """Yield ``requests`` times within the ``days`` up to ``last_day`` (UTC), in order, none after ``now``.

    Raises:
        NoTimeError: all of these days are in the future.
    """
    elapsed = [
        (datetime.combine(last_day - timedelta(days=back), time(hour), tzinfo=UTC), share)
        for back in reversed(range(days))
        for hour, share in enumerate(HOURS)
    ]
    hours = [(hour, share * min((now - hour) / timedelta(hours=1), 1)) for hour, share in elapsed if hour < now]
    if not hours:
        raise NoTimeError(f"expected days up to today, {now.date()} (UTC), but received {last_day}")
    chosen = chance.choices(
        [hour for hour, _ in hours], cum_weights=list(itertools.accumulate(share for _, share in hours)), k=requests
    )
    yield from sorted(
        hour + timedelta(seconds=chance.random() * min((now - hour).total_seconds(), 3600)) for hour in chosen
    )


def _visit(
    chance: random.Random,
    request: TracedRequest,
    moment: datetime,
    popular: Sequence[ImageId],
    dead: Sequence[ImageId],
) -> Visit:
    kind, image_id, query = _kind(chance), popular[request.image], request.query
    if kind == "dead link":
        image_id = chance.choice(dead)
    elif kind == "malformed":
        query = chance.choice(_MALFORMED)
    headers = [*request.headers, ("user-agent", request.agent)]
    is_page = request.agent.startswith("Mozilla/5.0") and "bot" not in request.agent
    if is_page and chance.random() < 0.9:  # the rest send no referer
        pages = _OTHER_PAGES if kind == "hotlink" else _OWN_PAGES
        headers.append(("referer", chance.choice(pages).format(chance.randrange(200))))
    address = f"198.51.100.{chance.randrange(256)}" if is_page else f"203.0.113.{chance.randrange(4)}"
    return Visit(kind, f"/img/{image_id}", query, tuple(headers), request.width, moment, address)


def _kind(chance: random.Random) -> Kind:
    drawn = chance.random()
    for kind, share in _ODD:
        drawn -= share
        if drawn < 0:
            return kind
    return "page"
