"""The rows of the dashboard: alarms, delivery, tenants, lanes, costs."""

from collections.abc import Sequence
from typing import get_args

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.dashboard import series
from infra.dashboard.cost import Costs, usd_an_hour
from infra.names import Names
from lambdas.core.settings.lanes import LaneFunction

_PERIOD = cdk.Duration.minutes(5)
_WHOLE, _HALF, _THIRD, _QUARTER = 24, 12, 8, 6
_ALARMS_AT_ONCE = 100  # per widget: CloudWatch's limit
_HEIGHT = 6

Row = list[cloudwatch.IWidget]


def heading(text: str) -> Row:
    """Return a heading for the rows that follow."""
    return [cloudwatch.TextWidget(markdown=f"## {text}", width=_WHOLE, height=1)]


def alarms(title: str, found: Sequence[cloudwatch.IAlarm]) -> Row:
    """Return the state of every alarm."""
    parts = [found[start : start + _ALARMS_AT_ONCE] for start in range(0, len(found), _ALARMS_AT_ONCE)]
    return [cloudwatch.AlarmStatusWidget(title=title, alarms=list(part), width=_WHOLE, height=4) for part in parts]


def edge(names: Names, distribution_id: str) -> Row:
    """Return delivery: requests and errors, hit ratio, the edge's functions, the generator."""
    functions = [names.of(name) for name in ("viewer-request", "private-response", "public-response")]
    return [
        _graph(
            "Viewers: requests, and errors in percent",
            _QUARTER,
            [series.of_edge("Requests", distribution_id).metric("Sum", _PERIOD)],
            [
                series.of_edge(f"{digit}xxErrorRate", distribution_id).metric("Average", _PERIOD, f"{digit}xx, percent")
                for digit in (4, 5)
            ],
        ),
        _graph(
            "Hit ratio, percent",
            _QUARTER,
            [series.of_edge("CacheHitRate", distribution_id).metric("Average", _PERIOD, "hits")],
        ),
        _graph(
            "Functions at the edge: utilization in percent, and failures",
            _QUARTER,
            [
                series.of_viewer_function("FunctionComputeUtilization", function).metric("Average", _PERIOD, function)
                for function in functions
            ],
            [
                *(
                    series.of_viewer_function("FunctionExecutionErrors", function).metric("Sum", _PERIOD, function)
                    for function in functions
                ),
                series.of_edge("LambdaExecutionError", distribution_id).metric("Sum", _PERIOD, "origin-request"),
            ],
        ),
        _graph(
            "Generator: drawn on a first request, and seconds (p95)",
            _QUARTER,
            [
                series.of_function("Invocations", "generate", None, names).metric("Sum", _PERIOD),
                series.of_function("Errors", "generate", None, names).metric("Sum", _PERIOD),
            ],
            [series.of_function("Duration", "generate", None, names).metric("p95", _PERIOD, "ms, p95")],
        ),
    ]


def tenants(names: Names) -> Row:
    """Return each tenant's time from upload to outcome, ready images and rejected images."""
    tenant = "${PROP('Dim.tenant')}"
    return [
        _graph(
            "Seconds from upload to outcome (p90), by tenant",
            _THIRD,
            [series.by_tenant("upload_to_outcome_seconds", "p90", tenant, names, _PERIOD)],
        ),
        _graph(
            "Pictures that became ready, by tenant",
            _THIRD,
            [series.by_tenant("image_ready", "Sum", tenant, names, _PERIOD)],
        ),
        _graph(
            "Pictures rejected, by tenant",
            _THIRD,
            [series.by_tenant("image_rejected", "Sum", tenant, names, _PERIOD)],
        ),
    ]


def lane(lane: str, names: Names) -> Row:
    """Return one lane: queue, executions, duration of each step, errors and throttles."""
    queue, dead = names.of(f"{lane}-originals"), names.of(f"{lane}-dead-letters")
    functions = get_args(LaneFunction)
    return [
        _graph(
            f"{lane}: originals that wait, and age of the oldest",
            _QUARTER,
            [
                series.of_queue("ApproximateNumberOfMessagesVisible", queue, names).metric("Maximum", _PERIOD, "wait"),
                series.of_queue("ApproximateNumberOfMessagesVisible", dead, names).metric(
                    "Maximum", _PERIOD, "dead letters"
                ),
            ],
            [series.of_queue("ApproximateAgeOfOldestMessage", queue, names).metric("Maximum", _PERIOD, "age, seconds")],
        ),
        _graph(
            f"{lane}: executions",
            _QUARTER,
            [
                series.of_lane(metric, lane, names).metric("Sum", _PERIOD)
                for metric in ("ExecutionsStarted", "ExecutionsFailed", "ExecutionsTimedOut")
            ],
        ),
        _graph(
            f"{lane}: ms of each step (p95)",
            _QUARTER,
            [series.of_function("Duration", name, lane, names).metric("p95", _PERIOD, name) for name in functions],
        ),
        _graph(
            f"{lane}: errors, and throttles",
            _QUARTER,
            [series.of_function("Errors", name, lane, names).metric("Sum", _PERIOD, name) for name in functions],
            [
                series.of_function("Throttles", name, lane, names).metric("Sum", _PERIOD, f"{name} throttled")
                for name in functions
            ],
        ),
    ]


def costs(names: Names, distribution_id: str) -> Row:
    """Return the cost in the dashboard's time range, by service and by lane."""
    made = Costs(names, distribution_id)
    services = [
        usd_an_hour(terms, service, f"s{number}_") for number, (service, terms) in enumerate(made.by_service().items())
    ]
    lanes = [usd_an_hour(terms, lane, f"l{number}_") for number, (lane, terms) in enumerate(made.by_lane().items())]
    return [
        cloudwatch.GraphWidget(title="USD an hour, by service", left=services, stacked=True, width=_HALF, height=8),
        cloudwatch.GraphWidget(title="USD an hour, by lane", left=lanes, stacked=True, width=_HALF, height=8),
    ]


def _graph(
    title: str, width: int, left: Sequence[cloudwatch.IMetric], right: Sequence[cloudwatch.IMetric] = ()
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=list(left),
        right=list(right) or None,
        width=width,
        height=_HEIGHT,
        left_y_axis=cloudwatch.YAxisProps(min=0),
        right_y_axis=cloudwatch.YAxisProps(min=0) if right else None,
    )
