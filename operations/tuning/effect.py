"""The effect of a change of reservations: lanes' metrics by minute, and their throughput before and after."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import TYPE_CHECKING

from operations.tuning.history import TuningRecord
from operations.tuning.load import LaneNames, Window, read_metrics

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


@dataclass(frozen=True, slots=True)
class LanePoint:
    """One lane in one period: messages arrived, pictures done, peak of executions, and the backlog at the end."""

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
    """Return a point for each lane and period of ``window`` with metrics, in order of time.

    Raises:
        ClientError: CloudWatch refused; a retry may help.
    """
    found: dict[tuple[datetime, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for lane, metric, at, value in read_metrics(cloudwatch, lanes, window, period_seconds):
        for field in _fields(metric):
            found[at, lane][field] += value
    return [LanePoint(lane, at, **values) for (at, lane), values in sorted(found.items())]


def _fields(metric: str) -> Iterator[str]:
    of, _, kind = metric.rpartition(".")
    if not of and kind in ("arrived", "backlog"):
        yield kind
    elif not of and kind == "oldest":
        yield "oldest_seconds"
    elif kind in ("peak", "throttles"):
        yield kind
    elif metric == "record.ended":
        yield "done"


@dataclass(frozen=True, slots=True)
class Effect:
    """One lane at one change; ``done`` is pictures per minute while there was work, None without work."""

    lane: str
    at: datetime
    reserved_before: int
    reserved_after: int
    done_before: float | None
    done_after: float | None
    backlog_before: float
    backlog_after: float
    reverts: bool


def effects(
    points: Iterable[LanePoint], tunings: Iterable[TuningRecord], *, period_seconds: int = 60, minutes: float = 10
) -> list[Effect]:
    """Return the effect of every applied tuning on every lane that it changed, in order of time.

    Args:
        points: the lanes' metrics.
        tunings: those not applied are ignored.
        period_seconds: of the points.
        minutes: compared before and after a change, at most up to the lane's next change.
    """
    applied = [each for each in tunings if each.state == "applied"]
    every = list(points)
    found = []
    for tuning in applied:
        for lane, change in tuning.lanes.items():
            if change.before is None or change.before == change.after:
                continue
            moments = sorted(each.at for each in applied if lane in each.lanes)
            reach = timedelta(minutes=minutes)
            start = max([tuning.at - reach, *(at for at in moments if at < tuning.at)])
            end = min([tuning.at + reach, *(at for at in moments if at > tuning.at)])
            own = [point for point in every if point.lane == lane]
            period = timedelta(seconds=period_seconds)
            before = [point for point in own if start <= point.at and point.at + period <= tuning.at]
            after = [point for point in own if tuning.at <= point.at and point.at + period <= end]
            found.append(
                Effect(
                    lane=lane,
                    at=tuning.at,
                    reserved_before=change.before,
                    reserved_after=change.after,
                    done_before=_throughput(before, period_seconds),
                    done_after=_throughput(after, period_seconds),
                    backlog_before=max((point.backlog for point in before), default=0.0),
                    backlog_after=max((point.backlog for point in after), default=0.0),
                    reverts=tuning.reverts is not None,
                )
            )
    return found


def _throughput(points: Sequence[LanePoint], period_seconds: int) -> float | None:
    """Return the mean pictures per minute of the points with work."""
    busy = [point.done for point in points if point.done or point.backlog]
    return fmean(busy) * 60 / period_seconds if busy else None
