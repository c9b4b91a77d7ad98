"""Lanes' metrics, read from CloudWatch in as few requests as it takes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, get_args

from lambdas.lanes import LaneFunction
from operations.tuning.load import FunctionLoad, LaneLoad

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

_QUERIES_AT_ONCE = 500  # GetMetricData's limit
_PERIOD_SECONDS = 60
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
    queries = {
        f"q{number}": (lane, thing, query)
        for number, (lane, thing, query) in enumerate(
            (lane, thing, query) for lane, names in lanes.items() for thing, query in _queries(names)
        )
    }
    values: dict[str, dict[str, list[float]]] = {lane: {} for lane in lanes}
    for result in _ask(cloudwatch, {name: query for name, (_, _, query) in queries.items()}, window):
        lane, thing, _ = queries[result["Id"]]
        values[lane].setdefault(thing, []).extend(result["Values"])
    return {lane: _load(found, window) for lane, found in values.items()}


def _queries(names: LaneNames) -> Iterator[tuple[str, dict[str, Any]]]:
    for thing, (metric, statistic) in _OF_QUEUE.items():
        yield thing, _query("AWS/SQS", metric, statistic, "QueueName", names.queue)
    for function, name in names.functions.items():
        for thing, (metric, statistic) in _OF_FUNCTION.items():
            yield f"{function}.{thing}", _query("AWS/Lambda", metric, statistic, "FunctionName", name)


def _query(namespace: str, metric: str, statistic: str, dimension: str, name: str) -> dict[str, Any]:
    of = {"Namespace": namespace, "MetricName": metric, "Dimensions": [{"Name": dimension, "Value": name}]}
    return {"MetricStat": {"Metric": of, "Period": _PERIOD_SECONDS, "Stat": statistic}}


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
