"""The log groups of the Lambda@Edge function outside of us-east-1.

The function runs and logs in the region near its viewer, into a group of the same name. It has no permission to
create the group, because a group created by a function keeps its lines for ever.
"""

import aws_cdk as cdk
from constructs import Construct

from infra.constructs.storage import log_group
from infra.names import Names
from infra.stacks.base import DarkroomStack
from lambdas.core.settings import EDGE_REGION

_ROLE = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-hnb659fds-%s-role-${AWS::AccountId}-" + EDGE_REGION


class EdgeLogStack(DarkroomStack):
    """The log group of one region, deployed by the bootstrap roles of us-east-1: the region needs no bootstrap."""

    def __init__(self, scope: Construct, names: Names, region: str) -> None:
        super().__init__(
            scope,
            f"EdgeLog-{region}",
            names=names,
            region=region,
            description=f"Darkroom: what the edge's function logs in {region}",
            synthesizer=cdk.BootstraplessSynthesizer(
                deploy_role_arn=_ROLE % "deploy", cloud_formation_execution_role_arn=_ROLE % "cfn-exec"
            ),
        )
        log_group(self, "Logs", names.edge_log_group, names.settings)
