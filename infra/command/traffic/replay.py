"""Visits sent to the edge, several at a time and in the order of their day, and what came back."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import httpx

from infra.command.traffic.visits import Visit
from infra.local.cloudfront.stamp import HEADER, Stamp
from infra.local.errors import LocalStackError

_TIMEOUT_SECONDS = 60.0  # a miss of a large picture under load


class EdgeSilentError(LocalStackError):
    """The edge did not answer a visit."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a visit was answered: CloudFront's word for how, the bytes of the body, and seconds until all were here."""

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
    stamped: bool,
    tell: Callable[[Outcome], None],
) -> None:
    """Send ``visits`` to the edge and ``tell`` each outcome.

    Args:
        visits: in the order in which they are sent.
        edge_url: the local edge's address.
        concurrency: how many are under way at once.
        stamped: whether the edge logs each under the visit's own time and address, or as it comes.
        tell: takes an outcome as soon as there is one.

    Raises:
        EdgeSilentError: the edge is gone, or took a minute for an answer.
    """
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    left = iter(visits)
    async with httpx.AsyncClient(base_url=edge_url, timeout=_TIMEOUT_SECONDS, limits=limits, trust_env=False) as client:

        async def viewer() -> None:
            for visit in left:
                tell(await _send(client, visit, stamped))

        silence: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(viewer())
        except* httpx.TransportError as errors:
            silence = errors.exceptions[0]
        if silence is not None:  # raised above, it would come in a group
            raise EdgeSilentError(f"expected an answer of the edge at {edge_url} but: {silence!r}") from silence


async def _send(client: httpx.AsyncClient, visit: Visit, stamped: bool) -> Outcome:
    headers = list(visit.headers)
    if stamped:
        headers.append((HEADER, str(Stamp(visit.moment, visit.address))))
    request = client.build_request("GET", visit.target, headers=headers)
    if "accept" not in dict(visit.headers):
        del request.headers["accept"]  # of the client's own
    began = time.perf_counter()
    answer = await client.send(request)
    return Outcome(
        visit=visit,
        status=answer.status_code,
        result=answer.headers.get("x-cache", "").partition(" ")[0],
        content_type=answer.headers.get("content-type", ""),
        bytes=len(answer.content),
        seconds=time.perf_counter() - began,
    )
