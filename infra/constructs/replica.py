"""The derivatives' replica in the second region: how it is filled, and how much of the reading falls on it."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.alarms.replication import RULE, failure_alarm, fallback_alarm
from infra.assets import Assets
from infra.constructs.acknowledgements import acknowledge_wildcards
from infra.constructs.functions import HandlerFunction
from infra.names import Names
from lambdas.fallback_share.handler import PERIOD

_REPLICATION_MINUTES = 15  # the only value that S3 accepts


def replicate(scope: Construct, bucket: s3.Bucket, names: Names) -> None:
    """Replicate ``bucket`` to the replica, delete markers included.

    S3 does not replicate the deletion of a version: a takedown deletes in both buckets.
    """
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - what an L2 bucket is made of
    resource.replication_configuration = s3.CfnBucket.ReplicationConfigurationProperty(
        role=_role(scope, names).role_arn,
        rules=[
            s3.CfnBucket.ReplicationRuleProperty(
                id=RULE,
                status="Enabled",
                priority=1,
                filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=""),
                delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(status="Enabled"),
                destination=_destination(names),
            )
        ],
    )
    failure_alarm(bucket, names)


def _destination(names: Names) -> s3.CfnBucket.ReplicationDestinationProperty:
    if not names.settings.storage.replication_time_control:
        return s3.CfnBucket.ReplicationDestinationProperty(
            bucket=names.replica_arn, metrics=s3.CfnBucket.MetricsProperty(status="Enabled")
        )
    promised = s3.CfnBucket.ReplicationTimeValueProperty(minutes=_REPLICATION_MINUTES)
    return s3.CfnBucket.ReplicationDestinationProperty(
        bucket=names.replica_arn,
        metrics=s3.CfnBucket.MetricsProperty(status="Enabled", event_threshold=promised),
        replication_time=s3.CfnBucket.ReplicationTimeProperty(status="Enabled", time=promised),
    )


def _role(scope: Construct, names: Names) -> iam.Role:
    # Names instead of references: the bucket in this policy depends on the role.
    source, copies = f"{names.derivatives_arn}/*", f"{names.replica_arn}/*"
    role = iam.Role(
        scope,
        "Replication",
        assumed_by=iam.ServicePrincipal(
            "s3.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": names.account}}
        ),
        inline_policies={
            "Replicate": iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(
                        actions=["s3:GetReplicationConfiguration", "s3:ListBucket"], resources=[names.derivatives_arn]
                    ),
                    iam.PolicyStatement(
                        actions=[
                            "s3:GetObjectVersionForReplication",
                            "s3:GetObjectVersionAcl",
                            "s3:GetObjectVersionTagging",
                        ],
                        resources=[source],
                    ),
                    iam.PolicyStatement(
                        actions=["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"], resources=[copies]
                    ),
                ]
            )
        },
    )
    acknowledge_wildcards(role, [source, copies], "Replication copies every derivative; keys begin with a random id.")
    return role


class FallbackShare(Construct):
    """The scheduled function that measures the replica's share of reads, and its alarm.

    In the replica's region, which works while the primary region does not.
    """

    def __init__(self, scope: Construct, construct_id: str, *, names: Names, assets: Assets) -> None:
        super().__init__(scope, construct_id)
        handler = HandlerFunction(
            self,
            "Share",
            name="fallback_share",
            names=names,
            assets=assets,
            variables={"REPLICA_BUCKET": names.replica_bucket},
        )
        handler.allow(
            "Metrics",
            ["cloudwatch:GetMetricStatistics", "cloudwatch:PutMetricData"],
            ["*"],
            "CloudWatch's metric actions have no resources: IAM takes only a wildcard.",
        )
        events.Rule(
            self,
            "Schedule",
            description="Measures the replica's share of reads",
            schedule=events.Schedule.rate(cdk.Duration.minutes(PERIOD.total_seconds() / 60)),
            targets=[targets.LambdaFunction(handler.function, retry_attempts=2)],
        )
        fallback_alarm(self, names)
