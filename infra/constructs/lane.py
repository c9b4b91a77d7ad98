"""A lane: rule ▸ queue (and its dead letters) ▸ pipe ▸ state machine ▸ functions of its own."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.alarms.lanes import queue_alarms
from infra.assets import Assets
from infra.constructs.functions import HandlerFunction
from infra.constructs.lane_failures import failures_table
from infra.constructs.lane_pipe import LanePipe
from infra.constructs.lane_state_machine import LaneStateMachine
from infra.constructs.originals_rule import OriginalsRule
from infra.names import Names
from lambdas.core.settings.lanes import SHARED_LANE, LaneFunction

_VISIBILITY_FACTOR = 6  # times the run time: EventBridge Pipes' advice for an SQS source
_RETENTION = cdk.Duration.days(14)  # the longest that SQS keeps a message


class Lane(Construct):
    """All that turns the originals of some tenants into derivatives, apart from every other lane."""

    def __init__(
        self, scope: Construct, lane: str, *, names: Names, assets: Assets, libvips_layer: lambda_.ILayerVersion
    ) -> None:
        super().__init__(scope, f"Lane-{lane}")
        self.name = lane
        self._names = names
        self._assets = assets
        cdk.Tags.of(self).add("Lane", lane)
        if lane != SHARED_LANE:
            cdk.Tags.of(self).add("Tenant", lane)  # what the shared lane's tenants cost, its metrics tell, and no bill
        self.dead_letters = self._queue("DeadLetters", "dead-letters")
        self.queue = self._queue("Queue", "originals", self.dead_letters)
        queue_alarms(self, lane, self.queue.queue_name, self.dead_letters.queue_name, names)
        OriginalsRule(self, "Originals", lane=lane, queue=self.queue, names=names)
        self.failures = failures_table(self, "Failures", lane=lane, names=names)
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
        self.pipe = LanePipe(
            self, "Pipe", lane=lane, queue=self.queue, state_machine_arn=self.state_machine.arn, names=names
        )

    def _queue(self, construct_id: str, name: str, dead_letters: sqs.Queue | None = None) -> sqs.Queue:
        pipeline = self._names.settings.pipeline
        visibility = cdk.Duration.seconds(_VISIBILITY_FACTOR * pipeline.execution_seconds)
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

    def _functions(self, layer: lambda_.ILayerVersion) -> dict[LaneFunction, lambda_.Function]:
        names = self._names
        validate, record = self._handler("validate"), self._handler("record")
        metadata, derive = self._handler("metadata", layer), self._handler("derive", layer)
        # What is in nobody's folder comes to the shared lane too, and that of new tenants before it is deployed anew.
        prefix = "" if self.name == SHARED_LANE else f"{self.name}/"
        each_original = "Any original of the lane's tenants may come; the keys below are not known beforehand."
        for reader in (validate, metadata, derive):
            # s3:ListBucket makes a deleted original a 404 rather than a 403, which a retry would not cure.
            reader.allow("ListOriginals", ["s3:ListBucket"], [names.originals_arn], each_original)
            reader.allow(
                "ReadOriginals",
                ["s3:GetObject", "s3:GetObjectVersion"],
                [f"{names.originals_arn}/{prefix}*"],
                each_original,
            )
        validate.allow("ReadOutcomes", ["dynamodb:GetItem"], [names.table_arn])
        derive.allow(
            "WriteDerivatives",
            ["s3:PutObject"],
            [f"{names.derivatives_arn}/*"],
            "A derivative's key begins with the picture's id, which is random.",
        )
        record.allow("WriteOutcomes", ["dynamodb:PutItem", "dynamodb:GetItem"], [names.table_arn])
        record.allow(
            "DiscardDerivatives",
            ["s3:DeleteObject"],
            [f"{names.derivatives_arn}/*"],
            "Of a picture that was rejected after some of it was drawn; its id is random.",
        )
        handlers: dict[LaneFunction, HandlerFunction]
        handlers = {"validate": validate, "metadata": metadata, "derive": derive, "record": record}
        return {name: handler.function for name, handler in handlers.items()}

    def _handler(self, name: LaneFunction, layer: lambda_.ILayerVersion | None = None) -> HandlerFunction:
        # No reserved concurrency: what a template says, a deployment may put back. It begins with what `darkroom
        # reserve` gives it, and the flow tenant_concurrency tunes it from there.
        return HandlerFunction(
            self,
            name.capitalize(),
            name=name,
            names=self._names,
            assets=self._assets,
            lane=self.name,
            libvips_layer=layer,
        )
