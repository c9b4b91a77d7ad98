"""What a site's visitors send, in the order of the day: pages of its own, other sites' pages, bots and dead links."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from infra.command.traffic.rhythm import moments
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
# Shares of all requests; the rest are pages of the site's own.
_ODD: tuple[tuple[Kind, float], ...] = (("hotlink", 0.05), ("dead link", 0.02), ("malformed", 0.005))


@dataclass(frozen=True, slots=True)
class Visit:
    """One request. ``width`` is how many pixels the viewer needs across; ``address`` is where it comes from."""

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
    """Yield ``requests`` visits, the same for the same arguments.

    Args:
        seed: of all that is left to chance.
        requests: how many.
        image_ids: the pictures that pages show, in any order; a few are popular.
        last_day: the last of the days (UTC) that they are spread over.
        days: how many days.
        now: no visit is later.
        gone: ids that dead links ask for, such as those of rejected uploads; some more are made up.

    Raises:
        NoTimeError: the days have not begun.
    """
    chance, of_time = random.Random(seed), random.Random(seed + 1)  # noqa: S311 - a trace, no secret
    popular = sorted(image_ids)
    chance.shuffle(popular)
    dead = [*sorted(gone), *(ImageId(f"{chance.getrandbits(128):032x}") for _ in range(5))]
    when = moments(of_time, requests, last_day, days, now)
    for request, moment in zip(trace(seed, requests, len(popular)), when, strict=True):
        yield _visit(chance, request, moment, popular, dead)


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
    if is_page and chance.random() < 0.9:  # the rest keeps its referer to itself
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
