"""Log groups, made by us so that none is left without an end to its retention."""

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from lambdas.core.settings import Settings


def log_group(scope: Construct, construct_id: str, name: str, settings: Settings) -> logs.LogGroup:
    """Make the log group ``name``, whose lines live as long as the settings say."""
    group = logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        removal_policy=cdk.RemovalPolicy.RETAIN if settings.storage.protected else cdk.RemovalPolicy.DESTROY,
    )
    resource = group.node.default_child
    assert isinstance(resource, logs.CfnLogGroup)  # noqa: S101 - what an L2 log group is made of
    resource.retention_in_days = settings.storage.log_retention_days
    return group
