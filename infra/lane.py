"""A lane: rule ▸ queue (and its dead letters) ▸ pipe ▸ state machine ▸ functions of its own."""

from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_pipes as pipes
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra import state_machine
from infra.acknowledgements import acknowledge, acknowledge_resources
from infra.assets import Assets
from infra.functions import HandlerFunction
from infra.log_groups import log_group
from infra.names import Names

_VISIBILITY_FACTOR = 6  # times the run time: EventBridge Pipes' advice for an SQS source
_DEAD_LETTER_DAYS = 14  # the longest that SQS keeps a message


class Lane(Construct):
    """All that turns the originals of some tenants into derivatives, apart from every other lane."""

    def __init__(
        self, scope: Construct, lane: str, *, names: Names, assets: Assets, libvips_layer: lambda_.ILayerVersion
    ) -> None:
        super().__init__(scope, f"Lane-{lane}")
        self._lane = lane
        self._names = names
        self._settings = names.settings
        self._assets = assets
        cdk.Tags.of(self).add("Lane", lane)
        self.functions = self._handlers(libvips_layer)
        self.dead_letters, self.queue = self._queues()
        self._subscribe()
        self.state_machine = self._state_machine()
        self.pipe = self._pipe()

    def _handlers(self, layer: lambda_.ILayerVersion) -> dict[str, HandlerFunction]:
        names, originals, derivatives = self._names, self._names.originals_arn, self._names.derivatives_arn
        each_original = "Any original of this stage may come; the keys below are not known beforehand."
        each_derivative = "A derivative's key begins with the picture's id, which is random."

        def handler(name: Any, *, draws: bool) -> HandlerFunction:
            return HandlerFunction(
                self, name.capitalize(), name=name, names=names, assets=self._assets, lane=self._lane,
                libvips_layer=layer if draws else None,
            )  # fmt: skip

        validate, metadata = handler("validate", draws=False), handler("metadata", draws=True)
        derive, record = handler("derive", draws=True), handler("record", draws=False)
        for reader in (validate, metadata, derive):
            # s3:ListBucket makes a deleted original a 404 rather than a 403, which a retry would not cure.
            reader.allow("ListOriginals", ["s3:ListBucket"], [originals], each_original)
            reader.allow("ReadOriginals", ["s3:GetObject", "s3:GetObjectVersion"], [f"{originals}/*"], each_original)
        validate.allow("ReadOutcomes", ["dynamodb:GetItem"], [names.table_arn], "")
        derive.allow("WriteDerivatives", ["s3:PutObject"], [f"{derivatives}/*"], each_derivative)
        record.allow("WriteOutcomes", ["dynamodb:PutItem"], [names.table_arn], "")
        return {"Validate": validate, "Metadata": metadata, "Derive": derive, "Record": record}

    def _queues(self) -> tuple[sqs.Queue, sqs.Queue]:
        dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=self._names.of(f"{self._lane}-dead-letters"),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(_DEAD_LETTER_DAYS),
        )
        pipeline = self._settings.pipeline
        queue = sqs.Queue(
            self,
            "Queue",
            queue_name=self._names.of(f"{self._lane}-originals"),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=cdk.Duration.seconds(_VISIBILITY_FACTOR * pipeline.execution_seconds),
            retention_period=cdk.Duration.days(_DEAD_LETTER_DAYS),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=pipeline.max_receive_count),
        )
        return dead_letters, queue

    def _subscribe(self) -> None:
        rule = events.CfnRule(
            self,
            "Rule",
            name=self._names.of(f"{self._lane}-originals"),
            description=f"Originals as they are created, into the lane {self._lane}",
            event_pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {"bucket": {"name": [self._names.originals_bucket]}},
            },
            targets=[events.CfnRule.TargetProperty(id="queue", arn=self.queue.queue_arn)],
        )
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="RuleSends",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
            )
        )

    def _state_machine(self) -> stepfunctions.CfnStateMachine:
        name = self._names.of(self._lane)
        role = iam.Role(self, "StateMachineRole", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        invoking = iam.Policy(
            self,
            "Invoke",
            statements=[
                iam.PolicyStatement(
                    actions=["lambda:InvokeFunction"],
                    resources=[handler.function.function_arn for handler in self.functions.values()],
                )
            ],
        )
        observing = iam.Policy(
            self,
            "Observe",
            statements=[
                iam.PolicyStatement(
                    actions=[
                        "logs:CreateLogDelivery",
                        "logs:DeleteLogDelivery",
                        "logs:DescribeLogGroups",
                        "logs:DescribeResourcePolicies",
                        "logs:GetLogDelivery",
                        "logs:ListLogDeliveries",
                        "logs:PutResourcePolicy",
                        "logs:UpdateLogDelivery",
                        "xray:GetSamplingRules",
                        "xray:GetSamplingTargets",
                        "xray:PutTelemetryRecords",
                        "xray:PutTraceSegments",
                    ],
                    resources=["*"],
                )
            ],
        )
        acknowledge_resources(observing, ["*"], "Log deliveries and X-Ray know no resource: IAM takes only a wildcard.")
        for policy in (invoking, observing):
            policy.attach_to_role(role)
        # Below /aws/vendedlogs the log group's policy does not grow with each new machine.
        group = log_group(self, "StateMachineLogs", f"/aws/vendedlogs/states/{name}", self._settings)
        machine = stepfunctions.CfnStateMachine(
            self,
            "StateMachine",
            state_machine_name=name,
            state_machine_type="EXPRESS",
            role_arn=role.role_arn,
            definition=state_machine.definition(self._settings),
            definition_substitutions={task: handler.function.function_arn for task, handler in self.functions.items()},
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
        machine.node.add_dependency(invoking, observing)
        acknowledge(
            machine,
            "AwsSolutions-SF1",
            "Errors are logged with their data; every step of ten million good executions a day would cost more"
            " than the executions, and each step's seconds are in the images table.",
        )
        return machine

    def _pipe(self) -> pipes.CfnPipe:
        name = self._names.of(self._lane)
        role = iam.Role(self, "PipeRole", assumed_by=iam.ServicePrincipal("pipes.amazonaws.com"))
        carrying = iam.Policy(
            self,
            "Carry",
            statements=[
                iam.PolicyStatement(
                    actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                    resources=[self.queue.queue_arn],
                ),
                iam.PolicyStatement(actions=["states:StartSyncExecution"], resources=[self.state_machine.attr_arn]),
            ],
        )
        carrying.attach_to_role(role)
        group = log_group(self, "PipeLogs", f"/aws/vendedlogs/pipes/{name}", self._settings)
        pipe = pipes.CfnPipe(
            self,
            "Pipe",
            name=name,
            description=f"One message of the lane {self._lane}, one execution",
            role_arn=role.role_arn,
            source=self.queue.queue_arn,
            source_parameters=pipes.CfnPipe.PipeSourceParametersProperty(
                sqs_queue_parameters=pipes.CfnPipe.PipeSourceSqsQueueParametersProperty(
                    batch_size=self._settings.pipeline.batch_size
                )
            ),
            target=self.state_machine.attr_arn,
            target_parameters=pipes.CfnPipe.PipeTargetParametersProperty(
                step_function_state_machine_parameters=pipes.CfnPipe.PipeTargetStateMachineParametersProperty(
                    invocation_type="REQUEST_RESPONSE"
                )
            ),
            log_configuration=pipes.CfnPipe.PipeLogConfigurationProperty(
                level="ERROR",
                cloudwatch_logs_log_destination=pipes.CfnPipe.CloudwatchLogsLogDestinationProperty(
                    log_group_arn=group.log_group_arn
                ),
            ),
        )
        pipe.node.add_dependency(carrying)
        return cast(pipes.CfnPipe, pipe)
