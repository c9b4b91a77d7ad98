"""The lane as a whole: its queues, rule, functions, state machine, pipe and failures table."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_pipes as pipes
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.alarms.lanes import queue_alarms, rule_alarm
from infra.assets import Assets
from infra.constructs.functions import HandlerFunction
from infra.constructs.lane.reach import Reach
from infra.constructs.lane.routing import event_pattern
from infra.constructs.lane.state_machine import LaneStateMachine
from infra.constructs.storage import log_group, table
from infra.names import Names
from lambdas.core.settings.lanes import SHARED_LANE, LaneFunction

_RETENTION = cdk.Duration.days(14)  # SQS's maximum


class Lane(Construct):
    """The pipeline of one dedicated tenant, or of all others; lanes share no queue and no function."""

    def __init__(
        self, scope: Construct, lane: str, *, names: Names, assets: Assets, libvips_layer: lambda_.ILayerVersion
    ) -> None:
        super().__init__(scope, f"Lane-{lane}")
        self.name = lane
        self._names = names
        self._assets = assets
        cdk.Tags.of(self).add("Lane", lane)
        if lane != SHARED_LANE:
            cdk.Tags.of(self).add("Tenant", lane)  # for the bill; metrics split the shared lane's cost by tenant
        self.dead_letters = self._queue("DeadLetters", "dead-letters")
        self.queue = self._queue("Queue", "originals", self.dead_letters)
        queue_alarms(self, lane, self.queue.queue_name, self.dead_letters.queue_name, names)
        _OriginalsRule(self, lane=lane, queue=self.queue, names=names)
        self.failures = self._failures_table()
        self.functions = self._functions(libvips_layer)
        self.state_machine = LaneStateMachine(
            self,
            "StateMachine",
            lane=lane,
            functions={name.capitalize(): function for name, function in self.functions.items()},
            queue=self.queue,
            failures=self.failures,
            names=names,
        )
        self.pipe = _LanePipe(self, lane=lane, queue=self.queue, state_machine_arn=self.state_machine.arn, names=names)

    def _queue(self, construct_id: str, name: str, dead_letters: sqs.Queue | None = None) -> sqs.Queue:
        pipeline = self._names.settings.pipeline
        visibility = cdk.Duration.seconds(pipeline.visibility_seconds)
        return sqs.Queue(
            self,
            construct_id,
            queue_name=self._names.of(f"{self.name}-{name}"),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_RETENTION,
            visibility_timeout=visibility if dead_letters else None,
            dead_letter_queue=(
                sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=pipeline.max_receive_count)
                if dead_letters
                else None
            ),
        )

    def _failures_table(self) -> dynamodb.Table:
        """Make the table with the reason why each message went back to the queue; see ``definition.py``."""
        return table(
            self,
            "Failures",
            name=self._names.of(f"{self.name}-failures"),
            key="body_md5",
            settings=self._names.settings,
            expires="expires_at",
        )

    def _functions(self, layer: lambda_.ILayerVersion) -> dict[LaneFunction, lambda_.Function]:
        names = self._names
        validate, record = self._handler("validate"), self._handler("record")
        metadata, derive = self._handler("metadata", layer), self._handler("derive", layer)
        reach = Reach.of(self.name, names)
        any_original = "Any original of the lane's tenants may arrive; its key ends in a random id."
        any_derivative = "A derivative's key begins with the image id: its tenant's digits, then random ones."
        # None lists originals: a missing one is a 403 to them, which the image's row explains.
        for reader in (validate, metadata, derive):
            reader.allow("ReadOriginals", ["s3:GetObject", "s3:GetObjectVersion"], reach.originals, any_original)
        locked = ["s3:BypassGovernanceRetention"] if names.settings.storage.object_lock else []
        validate.allow("DeleteLateVersions", ["s3:DeleteObjectVersion", *locked], reach.originals, any_original)
        derive.allow("WriteDerivatives", ["s3:PutObject", "s3:DeleteObject"], reach.derivatives, any_derivative)
        record.allow("ListDerivatives", ["s3:ListBucket"], [names.derivatives_arn], conditions=reach.listed)
        record.allow("DiscardDerivatives", ["s3:DeleteObject"], reach.derivatives, any_derivative)
        table = [names.table_arn]
        validate.allow("Claim", ["dynamodb:GetItem", "dynamodb:UpdateItem"], table, conditions=reach.rows)
        derive.allow("ReadStates", ["dynamodb:GetItem"], table, conditions=reach.rows)
        record.allow("WriteOutcomes", ["dynamodb:UpdateItem"], table, conditions=reach.rows)
        handlers: dict[LaneFunction, HandlerFunction]
        handlers = {"validate": validate, "metadata": metadata, "derive": derive, "record": record}
        return {name: handler.function for name, handler in handlers.items()}

    def _handler(self, name: LaneFunction, layer: lambda_.ILayerVersion | None = None) -> HandlerFunction:
        # No reserved concurrency here, where the next deployment would undo tuning: `darkroom reserve` sets it, and
        # the flow tenant_concurrency tunes it.
        return HandlerFunction(
            self,
            name.capitalize(),
            name=name,
            names=self._names,
            assets=self._assets,
            lane=self.name,
            libvips_layer=layer,
            variables={} if self.name == SHARED_LANE else {"TENANT": self.name},
        )


class _OriginalsRule(Construct):
    """The rule, its target, and the queue's permission for it."""

    def __init__(self, scope: Construct, *, lane: str, queue: sqs.Queue, names: Names) -> None:
        super().__init__(scope, "Originals")
        name = names.of(f"{lane}-originals")
        rule_alarm(self, lane, name, names)
        rule = events.CfnRule(
            self,
            "Rule",
            name=name,
            description=f"Originals as they are created, into the lane {lane}",
            event_pattern=event_pattern(names.originals_bucket, lane, names.settings),
            targets=[events.CfnRule.TargetProperty(id="queue", arn=queue.queue_arn)],
        )
        queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="RuleSends",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
            )
        )


class _LanePipe(Construct):
    """The pipe, its role and its log: one message starts one execution, and waits for its result."""

    def __init__(self, scope: Construct, *, lane: str, queue: sqs.Queue, state_machine_arn: str, names: Names) -> None:
        super().__init__(scope, "Pipe")
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "pipes.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": names.account}}
            ),
        )
        policy = iam.Policy(
            self,
            "Carry",
            statements=[
                iam.PolicyStatement(
                    actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                    resources=[queue.queue_arn],
                ),
                iam.PolicyStatement(actions=["states:StartSyncExecution"], resources=[state_machine_arn]),
            ],
        )
        policy.attach_to_role(role)
        group = log_group(self, "Logs", f"/aws/vendedlogs/pipes/{names.of(lane)}", names.settings)
        pipe = pipes.CfnPipe(
            self,
            "Resource",
            name=names.of(lane),
            description=f"One message of the lane {lane}, one execution",
            role_arn=role.role_arn,
            source=queue.queue_arn,
            source_parameters=pipes.CfnPipe.PipeSourceParametersProperty(
                sqs_queue_parameters=pipes.CfnPipe.PipeSourceSqsQueueParametersProperty(
                    batch_size=names.settings.pipeline.batch_size
                )
            ),
            target=state_machine_arn,
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
        pipe.node.add_dependency(policy)  # creating a pipe fails while its role may not read the source
        self.name = pipe.ref
