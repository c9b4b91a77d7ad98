"""One Lambda function with all that belongs to it: its role, log group, tracing, size and environment."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.alarms.functions import function_alarms
from infra.assets import Assets
from infra.assets.libvips_environment import LIBVIPS_ENVIRONMENT
from infra.constructs.acknowledgements import acknowledge, acknowledge_resources
from infra.constructs.log_groups import log_group
from infra.names import Names
from lambdas.core.settings import FunctionName

RUNTIME = lambda_.Runtime.PYTHON_3_13


class HandlerFunction(Construct):
    """The function whose handler is ``lambdas.<name>.handler.handler``.

    With a ``libvips_layer`` it is one that draws, and gets libvips' environment too. ``variables`` are what
    it alone is told. ``reserved_concurrency`` executions of it may run at once, whatever other functions do.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: FunctionName,
        names: Names,
        assets: Assets,
        lane: str | None = None,
        libvips_layer: lambda_.ILayerVersion | None = None,
        signatures_layer: lambda_.ILayerVersion | None = None,
        variables: Mapping[str, str] | None = None,
        reserved_concurrency: int | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        size = names.settings.functions[name]
        function_name = names.function(name, lane)
        group = log_group(self, "Logs", f"/aws/lambda/{function_name}", names.settings)
        timeout = cdk.Duration.seconds(size.timeout_seconds)
        self.role = _role(self, group)
        environment = _environment(name, names) | dict(variables or {})
        if libvips_layer is not None:
            environment |= {**LIBVIPS_ENVIRONMENT, "VIPS_CONCURRENCY": str(size.vcpus)}
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=function_name,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"lambdas.{name}.handler.handler",
            code=lambda_.Code.from_asset(str(assets.code)),
            layers=[layer for layer in (libvips_layer, signatures_layer) if layer] or None,
            memory_size=size.memory_mb,
            timeout=timeout,
            role=self.role.without_policy_updates(),
            log_group=group,
            tracing=lambda_.Tracing.ACTIVE,
            environment=environment,
            reserved_concurrent_executions=reserved_concurrency,
        )
        acknowledge(
            self.function,
            "AwsSolutions-L1",
            "One Python for every function, at which the locked wheels and the libvips layer are built and tested;"
            " a newer one is a change of infra/assets/packages.py and this runtime together.",
        )
        function_alarms(self, function_name, timeout, names)

    def allow(self, construct_id: str, actions: Sequence[str], resources: list[str], why: str = "") -> None:
        """Let the function do ``actions`` on ``resources``; ``why`` justifies a wildcard among them."""
        policy = iam.Policy(
            self, construct_id, statements=[iam.PolicyStatement(actions=list(actions), resources=resources)]
        )
        policy.attach_to_role(self.role)
        acknowledge_resources(policy, resources, why)


def _environment(name: FunctionName, names: Names) -> dict[str, str]:
    return {
        "DARKROOM_STAGE": names.settings.stage,
        "ORIGINALS_BUCKET": names.originals_bucket,
        "DERIVATIVES_BUCKET": names.derivatives_bucket,
        "IMAGES_TABLE": names.images_table,
        "POWERTOOLS_SERVICE_NAME": name,
        "POWERTOOLS_LOG_LEVEL": names.settings.log_level,
        "POWERTOOLS_METRICS_NAMESPACE": names.metrics_namespace,
    }


def _role(scope: Construct, group: logs.LogGroup) -> iam.Role:
    role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    writing = iam.Policy(
        scope,
        "Logging",
        statements=[
            # The group, for its streams to be made in, and what is in it: two resources to IAM.
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[_bare_arn(group), group.log_group_arn],
            )
        ],
    )
    writing.attach_to_role(role)
    tracing = iam.Policy(
        scope,
        "Tracing",
        statements=[
            iam.PolicyStatement(actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"])
        ],
    )
    tracing.attach_to_role(role)
    acknowledge_resources(tracing, ["*"], "X-Ray's write actions know no resource: IAM takes only a wildcard for them.")
    return role


def _bare_arn(group: logs.LogGroup) -> str:
    return cdk.Stack.of(group).format_arn(
        service="logs",
        resource="log-group",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        resource_name=group.log_group_name,
    )
