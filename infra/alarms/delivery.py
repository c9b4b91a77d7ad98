"""Alarms on delivery: the distribution, the functions at the edge, and the web ACL."""

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.alarms.alarm import alarm, metric
from infra.names import Names

_NAMESPACE = "AWS/CloudFront"
_EVERYWHERE = {"Region": "Global"}
_RATIO_PERIOD = cdk.Duration.hours(1)
_POOR_HOURS = 3


def distribution_alarms(scope: Construct, distribution_id: str, names: Names) -> None:
    """Alarm on the distribution's errors and hit ratio, and on its Lambda@Edge function."""
    settings = names.settings.alarms
    dimensions = {**_EVERYWHERE, "DistributionId": distribution_id}
    alarm(
        scope,
        names=names,
        kind="delivery-errors",
        of="edge",
        means="Viewers get 5xx errors instead of pictures.",
        metric=metric(_NAMESPACE, "5xxErrorRate", dimensions, "Average"),
        threshold=settings.server_error_percent,
    )
    # CloudFront's own metrics: Lambda's are spread over the regions where the function ran.
    failures = ("LambdaExecutionError", "LambdaValidationError", "LambdaLimitExceededErrors")
    alarm(
        scope,
        names=names,
        kind="edge-function-errors",
        of="edge",
        means="The Lambda@Edge function fails, and with it every request that misses the cache.",
        metric=_sum_of({f"m{number}": (name, dimensions) for number, name in enumerate(failures)}),
        threshold=settings.edge_function_errors,
    )
    if settings.delivery_metrics:
        cloudfront.CfnMonitoringSubscription(
            scope,
            "AdditionalMetrics",
            distribution_id=distribution_id,
            monitoring_subscription=cloudfront.CfnMonitoringSubscription.MonitoringSubscriptionProperty(
                realtime_metrics_subscription_config=cloudfront.CfnMonitoringSubscription.RealtimeMetricsSubscriptionConfigProperty(
                    realtime_metrics_subscription_status="Enabled"
                )
            ),
        )
        _hit_ratio_alarm(scope, dimensions, names)


def _hit_ratio_alarm(scope: Construct, dimensions: dict[str, str], names: Names) -> None:
    analytics = names.settings.analytics
    ratio = cloudwatch.MathExpression(
        # Too few requests to judge count as 100 percent.
        expression=f"IF(requests >= {analytics.judged_requests}, hits, 100)",
        using_metrics={
            "hits": metric(_NAMESPACE, "CacheHitRate", dimensions, "Average", _RATIO_PERIOD),
            "requests": metric(_NAMESPACE, "Requests", dimensions, "Sum", _RATIO_PERIOD),
        },
        label="Hit ratio, percent",
        period=_RATIO_PERIOD,
    )
    alarm(
        scope,
        names=names,
        kind="hit-ratio",
        of="edge",
        means=f"For {_POOR_HOURS} hours the edge has served too few requests from its cache.",
        metric=ratio,
        threshold=analytics.expected_hit_ratio * 100,
        rings="below",
        periods=_POOR_HOURS,
    )


def viewer_function_alarms(scope: Construct, function: str, names: Names) -> None:
    """Alarm on errors and compute utilization of the CloudFront Function ``function``."""
    settings = names.settings.alarms
    dimensions = {**_EVERYWHERE, "FunctionName": function}
    subject = function.removeprefix(f"{names.settings.prefix}-")
    alarm(
        scope,
        names=names,
        kind="viewer-function-errors",
        of=subject,
        means=f"The CloudFront Function {function} fails: viewers get errors.",
        metric=_sum_of(
            {
                "thrown": ("FunctionExecutionErrors", dimensions),
                "invalid": ("FunctionValidationErrors", dimensions),
                "throttled": ("FunctionThrottles", dimensions),
            }
        ),
        threshold=settings.viewer_function_errors,
    )
    alarm(
        scope,
        names=names,
        kind="viewer-function-utilization",
        of=subject,
        means=f"The CloudFront Function {function} comes near its compute limit, beyond which it is throttled.",
        metric=metric(_NAMESPACE, "FunctionComputeUtilization", dimensions, "Average"),
        threshold=settings.viewer_function_percent,
    )


def web_acl_alarm(scope: Construct, metric_name: str, names: Names) -> None:
    """Alarm on requests that the web ACL blocks, or would block in count mode."""
    counts = names.settings.waf.mode == "count"
    alarm(
        scope,
        names=names,
        kind="web-acl-requests",
        of="edge",
        means=f"The web ACL {'would block' if counts else 'blocks'} many requests.",
        metric=metric(
            "AWS/WAFV2",
            "CountedRequests" if counts else "BlockedRequests",
            {"WebACL": metric_name, "Rule": "ALL"},
            "Sum",
        ),
        threshold=names.settings.alarms.web_acl_requests,
    )


def _sum_of(metrics: dict[str, tuple[str, dict[str, str]]]) -> cloudwatch.MathExpression:
    """Return the sum of CloudFront metrics; CloudFront publishes none while it is 0."""
    return cloudwatch.MathExpression(
        expression=" + ".join(f"FILL({name}, 0)" for name in metrics),
        using_metrics={name: metric(_NAMESPACE, of, dimensions, "Sum") for name, (of, dimensions) in metrics.items()},
        label="Failures",
    )
