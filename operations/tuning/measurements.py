"""Lanes' metrics, read from CloudWatch in as few requests as it takes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, get_args

from lambdas.core.settings.lanes import LaneFunction
from operations.tuning.load import FunctionLoad, LaneLoad

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

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
    """A lane's queue and functions, by their names in AWS."""

    queue: str
    functions: Mapping[LaneFunction, str]


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is looked at: whole minutes, of which CloudWatch has all by its end."""

    start: datetime
    end: datetime

    @classmethod
    def before(cls, now: datetime, minutes: int) -> "Window":
        """Return the last ``minutes`` before ``now``, the minute that is not over included."""
        end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        return cls(end - timedelta(minutes=minutes), end)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()


def measure(
    cloudwatch: "CloudWatchClient", lanes: Mapping[str, LaneNames], window: Window
) -> dict[str, LaneLoad | None]:
    """Return what each lane did in ``window``; None for one of which CloudWatch has nothing at all.

    Raises:
        ClientError: CloudWatch refused; a retry may help.
    """
    values: dict[str, dict[str, list[float]]] = {lane: {} for lane in lanes}
    for lane, thing, _, value in read_metrics(cloudwatch, lanes, window):
        values[lane].setdefault(thing, []).append(value)
    return {lane: _load(found, window) for lane, found in values.items()}


def read_metrics(
    cloudwatch: "CloudWatchClient", lanes: Mapping[str, LaneNames], window: Window, period_seconds: int = 60
) -> Iterator[tuple[str, str, datetime, float]]:
    """Yield every value of ``window``: lane, thing (``backlog``, ``derive.busy`` …), when, how much; oldest first.

    Raises:
        ClientError: CloudWatch refused; a retry may help.
    """
    wanted = [(lane, thing, query) for lane, names in lanes.items() for thing, query in _queries(names, period_seconds)]
    queries = {f"q{number}": each for number, each in enumerate(wanted)}
    for result in _ask(cloudwatch, {name: query for name, (_, _, query) in queries.items()}, window):
        lane, thing, _ = queries[result["Id"]]
        for at, value in zip(result["Timestamps"], result["Values"], strict=True):
            yield lane, thing, at, value


def _queries(names: LaneNames, period: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for thing, (metric, statistic) in _OF_QUEUE.items():
        yield thing, _query("AWS/SQS", metric, statistic, "QueueName", names.queue, period)
    for function, name in names.functions.items():
        for thing, (metric, statistic) in _OF_FUNCTION.items():
            yield f"{function}.{thing}", _query("AWS/Lambda", metric, statistic, "FunctionName", name, period)


def _query(namespace: str, metric: str, statistic: str, dimension: str, name: str, period: int) -> dict[str, Any]:
    of = {"Namespace": namespace, "MetricName": metric, "Dimensions": [{"Name": dimension, "Value": name}]}
    return {"MetricStat": {"Metric": of, "Period": period, "Stat": statistic}}


def _ask(
    cloudwatch: "CloudWatchClient", queries: Mapping[str, dict[str, Any]], window: Window
) -> Iterator[Mapping[str, Any]]:
    remaining = iter(queries.items())
    while batch := list(islice(remaining, _QUERIES_AT_ONCE)):
        asked: Sequence[MetricDataQueryTypeDef] = [{"Id": name, **query} for name, query in batch]  # type: ignore[typeddict-item]
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=asked, StartTime=window.start, EndTime=window.end, ScanBy="TimestampAscending"
        )
        for page in pages:
            yield from page["MetricDataResults"]


def _load(found: Mapping[str, Sequence[float]], window: Window) -> LaneLoad | None:
    if not any(found.values()):
        return None

    def total(thing: str) -> float:
        return sum(found.get(thing, ()))

    def last(thing: str) -> float:
        return next(iter(reversed(found.get(thing, ()))), 0.0)

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
