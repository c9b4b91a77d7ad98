"""Lanes' metrics minute by minute, for whoever wants to see what a change of reservations did."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from operations.tuning.measurements import LaneNames, Window, read_metrics

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


@dataclass(frozen=True, slots=True)
class LanePoint:
    """One lane in one period: messages that arrived, pictures done, executions at once, and what waited at the end."""

    lane: str
    at: datetime
    arrived: float = 0
    done: float = 0
    peak: float = 0
    throttles: float = 0
    backlog: float = 0
    oldest_seconds: float = 0


def lane_series(
    cloudwatch: "CloudWatchClient", lanes: Mapping[str, LaneNames], window: Window, period_seconds: int = 60
) -> list[LanePoint]:
    """Return what each lane did in every period of ``window`` of which CloudWatch has something, in order of time.

    Raises:
        ClientError: CloudWatch refused; a retry may help.
    """
    found: dict[tuple[datetime, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for lane, thing, at, value in read_metrics(cloudwatch, lanes, window, period_seconds):
        for field in _fields(thing):
            found[at, lane][field] += value
    return [LanePoint(lane, at, **values) for (at, lane), values in sorted(found.items())]


def _fields(thing: str) -> Iterator[str]:
    of, _, kind = thing.rpartition(".")
    if not of and kind in ("arrived", "backlog"):
        yield kind
    elif not of and kind == "oldest":
        yield "oldest_seconds"
    elif kind in ("peak", "throttles"):
        yield kind
    elif thing == "record.ended":
        yield "done"
