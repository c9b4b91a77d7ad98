"""Alarms on the derivatives' replica.

S3 publishes the progress of replication in the destination's region, and its failures in the source's.
"""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.alarms.alarm import alarm, metric
from infra.names import Names
from lambdas.fallback_share.handler import METRIC, NAMESPACE, PERIOD, STAGE_DIMENSION

RULE = "derivatives"
"""The id of the replication rule."""


def _dimensions(names: Names) -> dict[str, str]:
    return {"SourceBucket": names.derivatives_bucket, "DestinationBucket": names.replica_bucket, "RuleId": RULE}


def progress_alarms(scope: Construct, names: Names) -> None:
    """Alarm on the replica's lag; in a stack of the replica's region."""
    settings = names.settings.alarms
    alarm(
        scope,
        names=names,
        kind="replication-latency",
        of="replica",
        means="Replication of derivatives is slow: the replica lags behind.",
        metric=metric("AWS/S3", "ReplicationLatency", _dimensions(names), "Maximum"),
        threshold=settings.replication_seconds,
        periods=3,
    )
    alarm(
        scope,
        names=names,
        kind="replication-pending",
        of="replica",
        means="Ever more derivatives are waiting to be replicated.",
        metric=cloudwatch.MathExpression(
            # How many wait depends on the traffic, whose metrics are in the other region; their growth does not.
            expression=f"IF(waiting > {settings.pending_replications}, 100 * DIFF(waiting) / waiting, 0)",
            using_metrics={"waiting": metric("AWS/S3", "OperationsPendingReplication", _dimensions(names), "Average")},
            label="Growth, percent",
            period=cdk.Duration.minutes(5),
        ),
        threshold=settings.pending_growth_percent,
        periods=3,
    )


def failure_alarm(scope: Construct, names: Names) -> None:
    """Alarm on failed replications; in a stack of the derivatives' region."""
    alarm(
        scope,
        names=names,
        kind="replication-failed",
        of="derivatives",
        means="Derivatives could not be replicated.",
        metric=metric("AWS/S3", "OperationsFailedReplication", _dimensions(names), "Sum"),
        threshold=names.settings.alarms.failed_replications,
    )


def fallback_alarm(scope: Construct, names: Names) -> None:
    """Alarm on the replica's share of reads; in a stack of the replica's region."""
    period = cdk.Duration.minutes(PERIOD.total_seconds() / 60)
    alarm(
        scope,
        names=names,
        kind="served-from-replica",
        of="edge",
        means="Pictures are served from the replica: the primary bucket refuses requests or does not respond.",
        metric=metric(NAMESPACE, METRIC, {STAGE_DIMENSION: names.settings.stage}, "Maximum", period),
        threshold=names.settings.delivery.tolerated_fallback_share,
    )
