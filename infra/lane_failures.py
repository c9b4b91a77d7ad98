"""A lane's table of failures: why each message that goes back to the queue did not reach an outcome."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.names import Names


def failures_table(scope: Construct, construct_id: str, *, lane: str, names: Names) -> dynamodb.Table:
    """Make the table; its items end by themselves (``expires_at``), by which time no queue has their message."""
    protected = names.settings.storage.protected
    return dynamodb.Table(
        scope,
        construct_id,
        table_name=names.of(f"{lane}-failures"),
        partition_key=dynamodb.Attribute(name="body_md5", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        time_to_live_attribute="expires_at",
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        deletion_protection=protected,
        removal_policy=cdk.RemovalPolicy.RETAIN if protected else cdk.RemovalPolicy.DESTROY,
    )
