"""Alarms: none on the age of messages that are only retried, and none that grows with the traffic."""

from typing import Any

import pytest
from synthesized import Assembly, Resource, referenced


def alarms(assembly: Assembly, kind: str) -> list[Resource]:
    every = assembly.all("AWS::CloudWatch::Alarm")
    found = [each for each in every if each.properties["AlarmDescription"].endswith(f"#{kind}")]
    assert found, kind
    return found


def fires(alarm: Resource, values: dict[str, float]) -> bool:
    """Evaluate the alarm's expression, which is also Python, with the sums of one period by metric name.

    DIFF takes the value of ``before``.
    """
    metrics = alarm.properties["Metrics"]
    (expression,) = [each["Expression"] for each in metrics if "Expression" in each]
    named = {
        each["Id"]: values.get(each["MetricStat"]["Metric"]["MetricName"]) for each in metrics if "MetricStat" in each
    }
    functions: dict[str, Any] = {
        "IF": lambda condition, value, otherwise: value if condition else otherwise,
        "FILL": lambda value, missing: missing if value is None else value,
        "DIFF": lambda value: value - values["before"],
    }
    assert alarm.properties["ComparisonOperator"] == "GreaterThanThreshold"
    share = eval(expression, {"__builtins__": {}}, functions | named)
    assert isinstance(share, int | float)
    return share > alarm.properties["Threshold"]


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        # Errors of a function: more than 5, and more than a percent.
        ("function-errors", {"Errors": 5, "Invocations": 5}, False),
        ("function-errors", {"Errors": 6, "Invocations": 6}, True),
        ("function-errors", {"Errors": 6, "Invocations": 599}, True),
        ("function-errors", {"Errors": 6, "Invocations": 601}, False),
        ("function-errors", {"Errors": 1_000, "Invocations": 104_100}, False),
        ("function-errors", {"Errors": 1_042, "Invocations": 104_100}, True),
        ("function-errors", {"Invocations": 104_100}, False),
        # Lambda counts a throttled request as no invocation.
        ("function-throttles", {"Throttles": 501}, True),
        ("function-throttles", {"Throttles": 500}, False),
        ("function-throttles", {"Throttles": 501, "Invocations": 2_005}, False),
        ("function-throttles", {"Throttles": 501, "Invocations": 2_000}, True),
        ("api-errors", {"5xx": 11, "Count": 1_101}, False),
        ("api-errors", {"5xx": 11, "Count": 1_099}, True),
        ("edge-function-errors", {"LambdaExecutionError": 6, "LambdaLimitExceededErrors": 5, "Requests": 10_000}, True),
        ("edge-function-errors", {"LambdaExecutionError": 11, "Requests": 1_000_000}, False),
        ("edge-function-errors", {"LambdaValidationError": 10, "Requests": 10}, False),
        ("viewer-function-errors", {"FunctionThrottles": 11, "FunctionInvocations": 10_000}, True),
        ("viewer-function-errors", {"FunctionExecutionErrors": 11, "FunctionInvocations": 1_000_000}, False),
        ("web-acl-requests", {"CountedRequests": 10_001, "AllowedRequests": 30_000_000}, False),
        ("web-acl-requests", {"CountedRequests": 10_001, "AllowedRequests": 100_000}, True),
        # What waits to be replicated: many at a high rate are no backlog; one that grows is.
        ("replication-pending", {"OperationsPendingReplication": 50_000, "before": 49_000}, False),
        ("replication-pending", {"OperationsPendingReplication": 50_000, "before": 60_000}, False),
        ("replication-pending", {"OperationsPendingReplication": 50_000, "before": 40_000}, True),
        ("replication-pending", {"OperationsPendingReplication": 10_000, "before": 1_000}, False),
    ],
)
def test_alarms_fire_by_share(aws: Assembly, kind: str, values: dict[str, float], expected: bool) -> None:
    assert {fires(alarm, values) for alarm in alarms(aws, kind)} == {expected}


def test_age_alarms_are_above_what_a_retried_message_reaches(aws: Assembly) -> None:
    queues = {(each.stack, each.logical_id): each.properties for each in aws.all("AWS::SQS::Queue")}
    for alarm in alarms(aws, "queue-age"):
        (dimension,) = alarm.properties["Dimensions"]
        queue = queues[alarm.stack, referenced(dimension["Value"])]
        # A message's age counts until its third receive.
        assert alarm.properties["Threshold"] > 2 * queue["VisibilityTimeout"], str(alarm)


@pytest.mark.parametrize("metric", ["ExecutionsTimedOut", "ExecutionsFailed", "FailedInvocations"])
def test_what_should_never_happen_fires_once(aws: Assembly, metric: str) -> None:
    found = [each for each in aws.all("AWS::CloudWatch::Alarm") if each.properties.get("MetricName") == metric]
    assert found
    assert {each.properties["Threshold"] for each in found} == {0}
