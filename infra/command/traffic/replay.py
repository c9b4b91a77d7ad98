"""Visits sent to the local edge, several at a time and in order, and a summary of the responses."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import httpx
from rich.table import Table

from infra.command.traffic.visits import Visit
from infra.local.cloudfront.stamp import HEADER, Stamp
from infra.local.errors import LocalStackError
from infra.local.guard import TOKEN_HEADER

HITS = ("Hit", "RefreshHit")
_TIMEOUT_SECONDS = 60.0  # a miss of a large picture under load


class EdgeUnreachableError(LocalStackError):
    """The edge did not answer a visit."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The response to a visit: ``result`` is the first word of X-Cache, ``seconds`` the time until the last byte."""

    visit: Visit
    status: int
    result: str
    content_type: str
    bytes: int
    seconds: float


async def replay(
    visits: Iterable[Visit],
    edge_url: str,
    *,
    concurrency: int,
    token: str | None,
    report: Callable[[Outcome], None],
) -> None:
    """Send ``visits`` to the edge and report each outcome.

    Args:
        visits: sent in this order.
        edge_url: the local edge's address.
        concurrency: how many are in flight at once.
        token: the stack's token, with which the edge logs each visit with the visit's own time and address; None logs
            it as it happens.
        report: called with each outcome.

    Raises:
        EdgeUnreachableError: the edge has ended, or took a minute to response.
    """
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    left = iter(visits)
    async with httpx.AsyncClient(base_url=edge_url, timeout=_TIMEOUT_SECONDS, limits=limits, trust_env=False) as client:

        async def viewer() -> None:
            for visit in left:
                report(await _send(client, visit, token))

        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(viewer())
        except* httpx.TransportError as errors:
            failure = errors.exceptions[0]
        if failure is not None:  # outside of the except* block, which would wrap it in a group
            raise EdgeUnreachableError(f"the edge at {edge_url} does not answer: {failure!r}") from failure


async def _send(client: httpx.AsyncClient, visit: Visit, token: str | None) -> Outcome:
    headers = list(visit.headers)
    if token is not None:
        headers += [(HEADER, str(Stamp(visit.moment, visit.address))), (TOKEN_HEADER, token)]
    request = client.build_request("GET", visit.target, headers=headers)
    if "accept" not in dict(visit.headers):
        del request.headers["accept"]  # httpx's default
    began = time.perf_counter()
    response = await client.send(request)
    return Outcome(
        visit=visit,
        status=response.status_code,
        result=response.headers.get("x-cache", "").partition(" ")[0],
        content_type=response.headers.get("content-type", ""),
        bytes=len(response.content),
        seconds=time.perf_counter() - began,
    )


def hit_ratio(outcomes: Iterable[Outcome]) -> float | None:
    """Return the share of hits among hits and misses, as CloudFront counts them; None if there are neither."""
    pictures = [outcome.result in HITS for outcome in outcomes if outcome.result in (*HITS, "Miss")]
    return sum(pictures) / len(pictures) if pictures else None


def summary_table(outcomes: Sequence[Outcome]) -> Table:
    """Return a table with a row for each kind of visit and format of the response, and a total."""
    table = Table(title="Responses", title_justify="left")
    for heading in ("visit", "format"):
        table.add_column(heading)
    for heading in ("requests", "hits", "4xx", "5xx", "MB", "median", "p99"):
        table.add_column(heading, justify="right")
    groups: defaultdict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.visit.kind, _form(outcome.content_type)].append(outcome)
    for (kind, form), group in sorted(groups.items(), key=lambda item: -len(item[1])):
        table.add_row(kind, form, *_figures(group))
    table.add_section()
    table.add_row("all", "", *_figures(outcomes))
    return table


def _form(content_type: str) -> str:
    kind, _, name = content_type.partition(";")[0].partition("/")
    return name if kind == "image" else kind or "nothing"


def _figures(outcomes: Sequence[Outcome]) -> list[str]:
    ratio = hit_ratio(outcomes)
    waits = sorted(outcome.seconds for outcome in outcomes)
    return [
        f"{len(outcomes):,}",
        "–" if ratio is None else f"{ratio:.1%}",
        f"{sum(400 <= outcome.status < 500 for outcome in outcomes):,}",
        f"{sum(outcome.status >= 500 for outcome in outcomes):,}",
        f"{sum(outcome.bytes for outcome in outcomes) / 1e6:,.1f}",
        *(f"{1000 * waits[round(share * (len(waits) - 1))]:.0f} ms" for share in (0.5, 0.99)),
    ]
