"""Alarms of replication; S3 publishes its progress in the destination's region, and its failures in the source's."""

from constructs import Construct

from infra.alarms.alarm import alarm, metric
from infra.names import Names

RULE = "derivatives"
"""The id of the replication rule."""


def _dimensions(names: Names) -> dict[str, str]:
    return {"SourceBucket": names.derivatives_bucket, "DestinationBucket": names.replica_bucket, "RuleId": RULE}


def progress_alarms(scope: Construct, names: Names) -> None:
    """Watch how far the replica is behind; in a stack of its region."""
    settings = names.settings.alarms
    alarm(
        scope,
        names=names,
        kind="replication-latency",
        of="replica",
        means="The replica is behind the derivatives.",
        metric=metric("AWS/S3", "ReplicationLatency", _dimensions(names), "Maximum"),
        threshold=settings.replication_seconds,
        periods=3,
    )
    alarm(
        scope,
        names=names,
        kind="replication-pending",
        of="replica",
        means="Many derivatives wait to be replicated.",
        metric=metric("AWS/S3", "OperationsPendingReplication", _dimensions(names), "Maximum"),
        threshold=settings.pending_replications,
        periods=3,
    )


def failure_alarm(scope: Construct, names: Names) -> None:
    """Watch what could not be replicated; in a stack of the derivatives' region."""
    alarm(
        scope,
        names=names,
        kind="replication-failed",
        of="derivatives",
        means="Derivatives could not be replicated.",
        metric=metric("AWS/S3", "OperationsFailedReplication", _dimensions(names), "Sum"),
        threshold=names.settings.alarms.failed_replications,
    )
