"""The Lambda@Edge function that has a missing derivative made before the origin is asked for it."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.assets import Assets
from infra.constructs.acknowledgements import acknowledge, acknowledge_resources
from infra.constructs.functions import RUNTIME
from infra.constructs.log_groups import log_group
from infra.names import Names


class OriginRequestFunction(Construct):
    """``lambdas/edge/origin_request.py`` as CloudFront takes it.

    x86, a numbered version, neither layer, environment nor tracing: Lambda@Edge has none of them
    ("Restrictions on Lambda@Edge" of the CloudFront guide).
    """

    def __init__(self, scope: Construct, construct_id: str, *, names: Names, assets: Assets) -> None:
        super().__init__(scope, construct_id)
        size = names.settings.functions["origin_request"]
        group = log_group(self, "Logs", names.edge_log_group, names.settings)
        function = lambda_.Function(
            self,
            "Function",
            function_name=names.function("origin_request"),
            description="Has a missing derivative made before S3 is asked for it",
            runtime=RUNTIME,
            architecture=lambda_.Architecture.X86_64,
            handler="origin_request.handler",
            code=lambda_.Code.from_asset(str(assets.origin_request)),
            memory_size=size.memory_mb,
            timeout=cdk.Duration.seconds(size.timeout_seconds),
            role=self._role(names).without_policy_updates(),
            log_group=group,
        )
        acknowledge(
            function, "AwsSolutions-L1", "The same Python as every other function; see infra/constructs/functions.py."
        )
        self.version = function.current_version

    def _role(self, names: Names) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.CompositePrincipal(
                iam.ServicePrincipal("lambda.amazonaws.com"), iam.ServicePrincipal("edgelambda.amazonaws.com")
            ),
        )
        # It logs in whichever region it runs in, if the group is there: see infra/stacks/edge_log.py.
        group = f"arn:aws:logs:*:{names.account}:log-group:{names.edge_log_group}"
        logs = [group, f"{group}:*"]
        buckets = [names.derivatives_arn, names.replica_arn]
        derivatives = [f"{bucket}/*" for bucket in buckets]
        policy = iam.Policy(
            self,
            "Policy",
            statements=[
                iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=logs),
                iam.PolicyStatement(actions=["s3:GetObject"], resources=derivatives),
                iam.PolicyStatement(actions=["s3:ListBucket"], resources=buckets),
                iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[names.function_arn("generate")]),
            ],
        )
        policy.attach_to_role(role)
        acknowledge_resources(policy, logs, "It runs, and logs, in any region that CloudFront has an edge cache in.")
        acknowledge_resources(policy, derivatives, "A derivative's key begins with the picture's id, which is random.")
        return role
