"""Replication of the derivatives into the second region, for the edge to fall back to."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.alarms.replication import RULE, failure_alarm
from infra.constructs.acknowledgements import acknowledge_resources
from infra.names import Names

_PROMISED_MINUTES = 15  # the only time that S3 takes


def replicate(scope: Construct, bucket: s3.Bucket, names: Names) -> None:
    """Have S3 copy whatever is written to ``bucket`` to the replica, deletions by marker included.

    A deletion of one version is copied by nobody: a takedown erases in both buckets itself.
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
    promised = s3.CfnBucket.ReplicationTimeValueProperty(minutes=_PROMISED_MINUTES)
    return s3.CfnBucket.ReplicationDestinationProperty(
        bucket=names.replica_arn,
        metrics=s3.CfnBucket.MetricsProperty(status="Enabled", event_threshold=promised),
        replication_time=s3.CfnBucket.ReplicationTimeProperty(status="Enabled", time=promised),
    )


def _role(scope: Construct, names: Names) -> iam.Role:
    # By names and not by references: the bucket that the policy speaks of needs the role to be made.
    source, copies = f"{names.derivatives_arn}/*", f"{names.replica_arn}/*"
    role = iam.Role(
        scope,
        "Replication",
        assumed_by=iam.ServicePrincipal("s3.amazonaws.com"),
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
    acknowledge_resources(role, [source, copies], "Replication copies every derivative; keys begin with a random id.")
    return role
