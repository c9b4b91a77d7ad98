"""Tables: how each is kept, whatever stands in it."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.names import Names


def table(
    scope: Construct, construct_id: str, *, name: str, key: str, names: Names, expires: str | None = None
) -> dynamodb.Table:
    """Make a table paid by request, whose items are found by ``key``, and which can be restored to a point in time.

    ``expires`` is the attribute that says when an item ends by itself.
    """
    storage = names.settings.storage
    return dynamodb.Table(
        scope,
        construct_id,
        table_name=name,
        partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        time_to_live_attribute=expires,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True, recovery_period_in_days=storage.restore_days
        ),
        deletion_protection=storage.protected,
        removal_policy=cdk.RemovalPolicy.RETAIN if storage.protected else cdk.RemovalPolicy.DESTROY,
    )
