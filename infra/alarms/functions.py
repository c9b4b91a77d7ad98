"""Alarms on every Lambda function, and on the HTTP API in front of one."""

import aws_cdk as cdk
from constructs import Construct

from infra.alarms.alarm import alarm, metric, share
from infra.names import Names

_NAMESPACE = "AWS/Lambda"


def function_alarms(scope: Construct, function_name: str, timeout: cdk.Duration, names: Names) -> None:
    """Alarm on errors, throttles, and durations near the timeout of ``function_name``."""
    settings = names.settings.alarms
    subject = function_name.removeprefix(f"{names.settings.prefix}-")
    dimensions = {"FunctionName": function_name}
    errors, throttles, invocations = (
        metric(_NAMESPACE, name, dimensions, "Sum") for name in ("Errors", "Throttles", "Invocations")
    )
    alarm(
        scope,
        names=names,
        kind="function-errors",
        of=subject,
        means=f"Invocations of {function_name} fail.",
        metric=share(errors, whole=invocations, least=settings.function_errors, label="Errors"),
        threshold=settings.function_error_percent,
    )
    alarm(
        scope,
        names=names,
        kind="function-throttles",
        of=subject,
        means=f"Invocations of {function_name} are throttled: its concurrency is used up.",
        metric=share(
            throttles,
            whole=invocations,
            least=settings.function_throttles,
            label="Throttles",
            in_whole=False,  # Lambda does not count a throttled request as an invocation
        ),
        threshold=settings.function_throttle_percent,
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


def api_alarm(scope: Construct, api_id: str, names: Names) -> None:
    """Alarm on 5xx responses of the upload API."""
    settings, dimensions = names.settings.alarms, {"ApiId": api_id}
    alarm(
        scope,
        names=names,
        kind="api-errors",
        of="upload-api",
        means="The upload API responds with 5xx errors.",
        metric=share(
            metric("AWS/ApiGateway", "5xx", dimensions, "Sum"),
            whole=metric("AWS/ApiGateway", "Count", dimensions, "Sum"),
            least=settings.api_errors,
            label="5xx responses",
        ),
        threshold=settings.api_error_percent,
    )
