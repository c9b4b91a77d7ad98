"""A lane's table of failures: why each message that goes back to the queue did not reach an outcome."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.constructs.tables import table
from infra.names import Names


def failures_table(scope: Construct, construct_id: str, *, lane: str, names: Names) -> dynamodb.Table:
    """Make the table; its items end by themselves (``expires_at``), by which time no queue has their message."""
    return table(
        scope, construct_id, name=names.of(f"{lane}-failures"), key="body_md5", names=names, expires="expires_at"
    )
