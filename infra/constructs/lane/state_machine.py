"""The Express state machine of a lane as a resource: its role and its log around ``definition.py``."""

from collections.abc import Mapping

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra.alarms.lanes import execution_alarms
from infra.constructs.acknowledgements import acknowledge, acknowledge_wildcards
from infra.constructs.lane.definition import (
    DERIVATIVES_BUCKET,
    FAILURES_TABLE,
    IMAGES_TABLE,
    INSPECTOR,
    QUEUE,
    definition,
)
from infra.constructs.lane.reach import Conditions, Reach
from infra.constructs.storage import log_group
from infra.names import Names

# "Logging using CloudWatch Logs" and "Tracing with X-Ray" of the Step Functions guide.
_LOGGING_ACTIONS = [
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
]
_TRACING_ACTIONS = [
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
]


class LaneStateMachine(Construct):
    """An Express state machine; ``functions`` has a Lambda function for each task of the definition."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        lane: str,
        functions: Mapping[str, lambda_.Function],
        queue: sqs.Queue,
        failures: dynamodb.Table,
        names: Names,
    ) -> None:
        super().__init__(scope, construct_id)
        arns = {task: function.function_arn for task, function in functions.items()}
        inspector = names.settings.inspection.function
        if inspector is not None:
            arns[INSPECTOR] = inspector
        rows = Reach.of(lane, names).rows
        role, policies = self._role(list(arns.values()), queue, failures, names, rows)
        # Below /aws/vendedlogs the log resource policy does not grow with each state machine.
        group = log_group(self, "Logs", f"/aws/vendedlogs/states/{names.of(lane)}", names.settings)
        machine = stepfunctions.CfnStateMachine(
            self,
            "Resource",
            state_machine_name=names.of(lane),
            state_machine_type="EXPRESS",
            role_arn=role.role_arn,
            definition=definition(names.settings),
            definition_substitutions={
                **arns,
                QUEUE: queue.queue_url,
                FAILURES_TABLE: failures.table_name,
                IMAGES_TABLE: names.images_table,
                **({DERIVATIVES_BUCKET: names.derivatives_bucket} if inspector is not None else {}),
            },
            logging_configuration=stepfunctions.CfnStateMachine.LoggingConfigurationProperty(
                level="ERROR",
                include_execution_data=True,
                destinations=[
                    stepfunctions.CfnStateMachine.LogDestinationProperty(
                        cloud_watch_logs_log_group=stepfunctions.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                            log_group_arn=group.log_group_arn
                        )
                    )
                ],
            ),
            tracing_configuration=stepfunctions.CfnStateMachine.TracingConfigurationProperty(enabled=True),
        )
        machine.node.add_dependency(*policies)
        acknowledge(
            machine,
            "AwsSolutions-SF1",
            "Errors are logged with their data. Logging every step of ten million executions a day would cost more"
            " than the executions; the duration of each step is in the images table.",
        )
        self.arn = machine.attr_arn
        execution_alarms(self, lane, self.arn, names)

    def _role(
        self, function_arns: list[str], queue: sqs.Queue, failures: dynamodb.Table, names: Names, rows: Conditions
    ) -> tuple[iam.Role, list[iam.Policy]]:
        # The conditions of "Prevent cross-service confused deputy issue" of the Step Functions guide.
        machines = f"arn:aws:states:{names.settings.regions.primary}:{names.account}:*"
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": names.account},
                    "ArnLike": {"aws:SourceArn": machines},
                },
            ),
        )
        invoking = iam.Policy(
            self,
            "Invoke",
            statements=[iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=function_arns)],
        )
        failing = iam.Policy(
            self,
            "Fail",
            statements=[
                iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn]),
                iam.PolicyStatement(actions=["dynamodb:PutItem"], resources=[failures.table_arn]),
                iam.PolicyStatement(actions=["dynamodb:UpdateItem"], resources=[names.table_arn], conditions=rows),
            ],
        )
        observing = iam.Policy(
            self,
            "Observe",
            statements=[iam.PolicyStatement(actions=[*_LOGGING_ACTIONS, *_TRACING_ACTIONS], resources=["*"])],
        )
        acknowledge_wildcards(observing, ["*"], "Log deliveries and X-Ray have no resources: IAM takes a wildcard.")
        policies = [invoking, failing, observing]
        for policy in policies:
            policy.attach_to_role(role)
        return role, policies
