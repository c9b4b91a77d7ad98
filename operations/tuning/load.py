"""A lane's load: read from CloudWatch's metrics in as few requests as possible, and the concurrency it needs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

from lambdas.core.settings.lanes import LaneFunction, Lanes, Tuning
from operations.inventory import batches

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_QUERIES_AT_ONCE = 500  # GetMetricData's limit
_FUNCTIONS: tuple[LaneFunction, ...] = get_args(LaneFunction)
_OF_QUEUE = {
    "arrived": ("NumberOfMessagesSent", "Sum"),
    "backlog": ("ApproximateNumberOfMessagesVisible", "Average"),
    "oldest": ("ApproximateAgeOfOldestMessage", "Maximum"),
}
_OF_FUNCTION = {
    "ended": ("Duration", "SampleCount"),
    "busy": ("Duration", "Sum"),
    "throttles": ("Throttles", "Sum"),
    "peak": ("ConcurrentExecutions", "Maximum"),
}


@dataclass(frozen=True, slots=True)
class LaneNames:
    """The names of a lane's queue and functions in AWS."""

    queue: str
    functions: Mapping[LaneFunction, str]


@dataclass(frozen=True, slots=True)
class Window:
    """The measured time, in whole minutes."""

    start: datetime
    end: datetime

    @classmethod
    def before(cls, now: datetime, minutes: int) -> "Window":
        """Return the last ``minutes`` before ``now``, including the current minute."""
        end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        return cls(end - timedelta(minutes=minutes), end)

    @property
    def seconds(self) -> float:
        """Its length in seconds."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class FunctionLoad:
    """One function in the window.

    ``invocations`` that ended, the sum of their durations in ``busy_seconds``, ``throttles``, and the ``peak`` of
    concurrent executions.
    """

    invocations: float = 0
    busy_seconds: float = 0
    throttles: float = 0
    peak: float = 0


@dataclass(frozen=True, slots=True)
class LaneLoad:
    """A lane in a window of ``seconds``: messages that arrived, the backlog at the end, the age of the oldest."""

    seconds: float
    arrived: float
    backlog: float
    oldest_seconds: float
    functions: Mapping[LaneFunction, FunctionLoad]

    @property
    def pictures(self) -> float:
        """Number of pictures with an outcome."""
        return self.functions["record"].invocations

    @property
    def throttles(self) -> float:
        """Number of throttled executions."""
        return sum(function.throttles for function in self.functions.values())

    @property
    def peak(self) -> float:
        """Sum of the functions' peaks: an upper bound of the concurrent executions."""
        return sum(function.peak for function in self.functions.values())


def measure(
    cloudwatch: "CloudWatchClient", lanes: Mapping[str, LaneNames], window: Window
) -> dict[str, LaneLoad | None]:
    """Return each lane's load in ``window``; None for a lane without any metrics.

    Raises:
        ClientError: CloudWatch refused; a retry may help.
    """
    values: dict[str, dict[str, list[float]]] = {lane: {} for lane in lanes}
    for lane, metric, _, value in read_metrics(cloudwatch, lanes, window):
        values[lane].setdefault(metric, []).append(value)
    return {lane: _load(found, window) for lane, found in values.items()}


def read_metrics(
    cloudwatch: "CloudWatchClient", lanes: Mapping[str, LaneNames], window: Window, period_seconds: int = 60
) -> Iterator[tuple[str, str, datetime, float]]:
    """Yield every data point of ``window``: lane, metric (``backlog``, ``derive.busy`` …), time, value; oldest first.

    Raises:
        ClientError: CloudWatch refused; a retry may help.
    """
    wanted = [
        (lane, metric, query) for lane, names in lanes.items() for metric, query in _queries(names, period_seconds)
    ]
    queries = {f"q{number}": each for number, each in enumerate(wanted)}
    metric_queries: list[Any] = [{"Id": name, **query} for name, (_, _, query) in queries.items()]
    for batch in batches(metric_queries, _QUERIES_AT_ONCE):
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=batch, StartTime=window.start, EndTime=window.end, ScanBy="TimestampAscending"
        )
        for result in (result for page in pages for result in page["MetricDataResults"]):
            lane, metric, _ = queries[result["Id"]]
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                yield lane, metric, at, value


def _queries(names: LaneNames, period: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, (metric, statistic) in _OF_QUEUE.items():
        yield name, _query("AWS/SQS", metric, statistic, "QueueName", names.queue, period)
    for function, function_name in names.functions.items():
        for name, (metric, statistic) in _OF_FUNCTION.items():
            yield f"{function}.{name}", _query("AWS/Lambda", metric, statistic, "FunctionName", function_name, period)


def _query(namespace: str, metric: str, statistic: str, dimension: str, value: str, period: int) -> dict[str, Any]:
    of = {"Namespace": namespace, "MetricName": metric, "Dimensions": [{"Name": dimension, "Value": value}]}
    return {"MetricStat": {"Metric": of, "Period": period, "Stat": statistic}}


def _load(found: Mapping[str, Sequence[float]], window: Window) -> LaneLoad | None:
    if not any(found.values()):
        return None

    def total(metric: str) -> float:
        return sum(found.get(metric, ()))

    def last(metric: str) -> float:
        return next(iter(reversed(found.get(metric, ()))), 0.0)

    return LaneLoad(
        seconds=window.seconds,
        arrived=total("arrived"),
        backlog=last("backlog"),
        oldest_seconds=last("oldest"),
        functions={
            name: FunctionLoad(
                invocations=total(f"{name}.ended"),
                busy_seconds=total(f"{name}.busy") / 1000,
                throttles=total(f"{name}.throttles"),
                peak=max(found.get(f"{name}.peak", ()), default=0.0),
            )
            for name in _FUNCTIONS
        },
    )


def needed(load: LaneLoad, lanes: Lanes, tuning: Tuning) -> int | None:
    """Return the reservation that would have carried ``load`` and worked off its backlog in time.

    By Little's law, concurrent executions are the rate of pictures times the seconds that each takes. None if the lane
    finished nothing although messages were waiting: its metrics then do not say.
    """
    wanted = load.arrived / load.seconds + load.backlog / tuning.drain_seconds
    done = load.pictures / load.seconds
    if not wanted:
        return 0
    if not done:
        return None
    at_once = {
        name: function.busy_seconds / load.seconds * (wanted / done) / tuning.utilization
        for name, function in load.functions.items()
    }
    return _reservation(at_once, lanes, tuning.ceiling)


def _reservation(at_once: Mapping[LaneFunction, float], lanes: Lanes, ceiling: int) -> int:
    """Return the smallest reservation with enough for every function, at most ``ceiling``."""
    least = max(len(lanes.shares), math.ceil(sum(at_once.values())))
    for reserved in range(least, ceiling):
        shared_out = lanes.share_out(reserved)
        if all(shared_out[name] >= needs for name, needs in at_once.items()):
            return reserved
    return ceiling
