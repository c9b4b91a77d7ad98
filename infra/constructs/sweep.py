"""The function that erases removed images and outdated crops, and the queue whose messages have it do so once more."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.alarms.takedowns import sweep_alarms
from infra.assets import Assets
from infra.constructs.functions import HandlerFunction
from infra.names import Names
from lambdas.core.settings import EDGE_REGION

_ANY_IMAGE = "Any image of this stage may be taken down; the handler erases only what the row of an image says."
_RETENTION = cdk.Duration.days(14)  # SQS's maximum
_MAX_RECEIVE_COUNT = 10
_AT_ONCE = 10  # messages per invocation; takedowns are few
_VISIBILITY_FACTOR = 6  # times the function's timeout: "Using Lambda with Amazon SQS"


def _scaling(most: int) -> lambda_.CfnEventSourceMapping.ScalingConfigProperty | None:
    # Without it, Lambda's poller invokes beyond the reservation, and throttled messages become dead letters; and a
    # backlog would throttle the takedowns that the upload API waits for.
    return lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=most) if most else None


class Sweep(Construct):
    """The queue of takedowns to end, and the function that ends them."""

    def __init__(self, scope: Construct, *, names: Names, assets: Assets) -> None:
        super().__init__(scope, "Sweep")
        self._names = names
        dead_letters = self._queue("DeadLetters", "sweep-dead-letters")
        timeout = names.settings.functions["sweep"].timeout_seconds
        self.queue = self._queue(
            "Queue",
            "sweep",
            visibility_timeout=cdk.Duration.seconds(_VISIBILITY_FACTOR * timeout),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=_MAX_RECEIVE_COUNT),
        )
        sweep_alarms(self, self.queue.queue_name, dead_letters.queue_name, names)
        self.handler = HandlerFunction(
            self,
            "Function",
            name="sweep",
            names=names,
            assets=assets,
            variables={"REPLICA_BUCKET": names.replica_bucket, "SWEEP_QUEUE_URL": self.queue.queue_url},
        )
        self.handler.allow(
            "Receive",
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            [self.queue.queue_arn],
        )
        mapping = lambda_.CfnEventSourceMapping(
            self,
            "Messages",
            event_source_arn=self.queue.queue_arn,
            function_name=self.handler.function.function_name,
            batch_size=_AT_ONCE,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=_scaling(names.settings.lanes.queued_sweeps),
        )
        mapping.node.add_dependency(self.handler.role)
        self._allow_erasing(self.handler)

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of a function that begins takedowns."""
        return {"SWEEP_QUEUE_URL": self.queue.queue_url, "SWEEP_FUNCTION": self.handler.function.function_name}

    def allow_takedowns(self, handler: HandlerFunction) -> None:
        """Allow ``handler`` to begin takedowns: to write tombstones, and to ask for the images to be erased."""
        handler.allow("Images", ["dynamodb:GetItem", "dynamodb:UpdateItem"], [self._names.table_arn])
        handler.allow("AskForSweeps", ["sqs:SendMessage"], [self.queue.queue_arn])
        handler.allow("AskForErasing", ["lambda:InvokeFunction"], [self._names.function_arn("sweep")])

    def _allow_erasing(self, handler: HandlerFunction) -> None:
        names = self._names
        # S3 does not replicate the deletion of a version: a takedown deletes in both regions.
        buckets = [names.originals_arn, names.derivatives_arn, names.replica_arn]
        handler.allow("Images", ["dynamodb:GetItem", "dynamodb:UpdateItem"], [names.table_arn])
        handler.allow("AskForSweeps", ["sqs:SendMessage"], [self.queue.queue_arn])
        handler.allow("AbortUploads", ["s3:AbortMultipartUpload"], [f"{names.originals_arn}/*"], _ANY_IMAGE)
        handler.allow("FindVersions", ["s3:ListBucketVersions"], buckets)
        handler.allow(
            "EraseVersions",
            ["s3:DeleteObject", "s3:DeleteObjectVersion"],
            [f"{bucket}/*" for bucket in buckets],
            _ANY_IMAGE,
        )
        # Without it, S3 answers 403 for a version that has gone meanwhile.
        handler.allow("TellMissing", ["s3:ListBucket"], [names.derivatives_arn, names.replica_arn])
        handler.allow(
            "ReadFocus",
            ["s3:GetObjectVersion"],
            [f"{bucket}/*" for bucket in (names.derivatives_arn, names.replica_arn)],
            "A crop's version says which focus it was drawn with, and any image's may have changed.",
        )
        if names.settings.storage.object_lock:
            handler.allow("PassLock", ["s3:BypassGovernanceRetention"], [f"{names.originals_arn}/*"], _ANY_IMAGE)
        handler.allow(
            "Invalidate",
            ["cloudfront:CreateInvalidation"],
            [f"arn:aws:cloudfront::{cdk.Stack.of(self).account}:distribution/*"],
            "The distribution is deployed later, in another stack; its id is looked up when it is needed.",
        )
        distribution = names.parameter_arn("distribution-id", EDGE_REGION)
        handler.allow("FindDistribution", ["ssm:GetParameter"], [distribution])

    def _queue(
        self,
        construct_id: str,
        name: str,
        *,
        visibility_timeout: cdk.Duration | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            queue_name=self._names.of(name),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_RETENTION,
            visibility_timeout=visibility_timeout,
            dead_letter_queue=dead_letter_queue,
        )
