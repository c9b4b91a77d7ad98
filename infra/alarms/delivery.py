"""Alarms on delivery: the distribution, the functions at the edge, and the web ACL."""

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.alarms.alarm import alarm, metric, share
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
        metric=share(
            *(metric(_NAMESPACE, name, dimensions, "Sum") for name in failures),
            whole=metric(_NAMESPACE, "Requests", dimensions, "Sum"),
            least=settings.edge_function_errors,
            label="Failures",
        ),
        threshold=settings.edge_function_error_percent,
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
    failures = ("FunctionExecutionErrors", "FunctionValidationErrors", "FunctionThrottles")
    alarm(
        scope,
        names=names,
        kind="viewer-function-errors",
        of=subject,
        means=f"The CloudFront Function {function} fails: viewers get errors.",
        metric=share(
            *(metric(_NAMESPACE, name, dimensions, "Sum") for name in failures),
            whole=metric(_NAMESPACE, "FunctionInvocations", dimensions, "Sum"),
            least=settings.viewer_function_errors,
            label="Failures",
        ),
        threshold=settings.viewer_function_error_percent,
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
    settings, counts = names.settings.alarms, names.settings.waf.mode == "count"
    dimensions = {"WebACL": metric_name, "Rule": "ALL"}
    alarm(
        scope,
        names=names,
        kind="web-acl-requests",
        of="edge",
        means=f"The web ACL {'would block' if counts else 'blocks'} many requests.",
        metric=share(
            metric("AWS/WAFV2", "CountedRequests" if counts else "BlockedRequests", dimensions, "Sum"),
            whole=metric("AWS/WAFV2", "AllowedRequests", dimensions, "Sum"),
            least=settings.web_acl_requests,
            label="Matched requests",
            in_whole=counts,  # a request that is only counted is an allowed one too
        ),
        threshold=settings.web_acl_percent,
    )
