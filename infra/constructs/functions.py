"""A Python Lambda function with its role, log group, tracing, alarms and environment, and the layer with libvips."""

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.alarms.functions import function_alarms
from infra.assets import LIBVIPS_ENVIRONMENT, Assets
from infra.constructs.acknowledgements import acknowledge, acknowledge_wildcards
from infra.constructs.storage import log_group
from infra.names import Names
from lambdas.core.settings import FunctionName

RUNTIME = lambda_.Runtime.PYTHON_3_13


class HandlerFunction(Construct):
    """The function with the handler ``lambdas.<name>.handler.handler``.

    With a ``libvips_layer`` it draws, and gets libvips' environment too. ``variables`` are added to the
    environment that all functions share. A reservation in the settings is both a guarantee and a limit; those of lanes
    are not in templates, where a deployment would undo their tuning.
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
            reserved_concurrent_executions=names.settings.function_reservations.get(name) or None,
        )
        acknowledge(
            self.function,
            "AwsSolutions-L1",
            "One Python for every function, the one that the locked wheels and the libvips layer are built and tested"
            " for; a newer one changes infra/assets/packages.py and this runtime together.",
        )
        function_alarms(self, function_name, timeout, names)

    def allow(
        self,
        construct_id: str,
        actions: Sequence[str],
        resources: list[str],
        why: str = "",
        conditions: Mapping[str, Any] | None = None,
    ) -> None:
        """Allow the function ``actions`` on ``resources``; ``why`` justifies a wildcard among them."""
        statement = iam.PolicyStatement(actions=list(actions), resources=resources, conditions=conditions)
        policy = iam.Policy(self, construct_id, statements=[statement])
        policy.attach_to_role(self.role)
        acknowledge_wildcards(policy, resources, why)


def libvips_layer(scope: Construct, name: str, assets: Assets) -> lambda_.LayerVersion:
    """Make the layer ``name`` with libvips; one per stack, so that each stack can be updated alone."""
    return lambda_.LayerVersion(
        scope,
        "Libvips",
        layer_version_name=name,
        description="libvips and its Python binding",
        code=lambda_.Code.from_asset(str(assets.libvips_layer)),
        compatible_runtimes=[RUNTIME],
        compatible_architectures=[lambda_.Architecture.ARM_64],
    )


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
    stack = cdk.Stack.of(group)
    # log_group_arn ends in ":*"; IAM needs the group itself too, for its streams to be created.
    bare_arn = stack.format_arn(
        service="logs",
        resource="log-group",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        resource_name=group.log_group_name,
    )
    writing = iam.Policy(
        scope,
        "Logging",
        statements=[
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[bare_arn, group.log_group_arn]
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
    acknowledge_wildcards(tracing, ["*"], "X-Ray's write actions have no resources: IAM takes only a wildcard.")
    return role
