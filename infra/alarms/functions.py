"""Alarms of one Lambda function: its errors, its throttles, and how near it comes to its timeout."""

import aws_cdk as cdk
from constructs import Construct

from infra.alarms.alarm import alarm, metric
from infra.names import Names

_NAMESPACE = "AWS/Lambda"


def function_alarms(scope: Construct, function_name: str, timeout: cdk.Duration, names: Names) -> None:
    """Watch the function that is called ``function_name``."""
    settings = names.settings.alarms
    subject = function_name.removeprefix(f"{names.settings.prefix}-")
    dimensions = {"FunctionName": function_name}
    alarm(
        scope,
        names=names,
        kind="function-errors",
        of=subject,
        means=f"Invocations of {function_name} fail.",
        metric=metric(_NAMESPACE, "Errors", dimensions, "Sum"),
        threshold=settings.function_errors,
    )
    alarm(
        scope,
        names=names,
        kind="function-throttles",
        of=subject,
        means=f"Invocations of {function_name} are refused: its concurrency is used up.",
        metric=metric(_NAMESPACE, "Throttles", dimensions, "Sum"),
        threshold=settings.function_throttles,
    )
    alarm(
        scope,
        names=names,
        kind="function-duration",
        of=subject,
        means=f"Invocations of {function_name} come near its timeout of {timeout.to_seconds():g} s.",
        metric=metric(_NAMESPACE, "Duration", dimensions, "Maximum"),
        threshold=timeout.to_milliseconds() * settings.duration_percent / 100,
    )
