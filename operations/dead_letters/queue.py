"""A lane's dead-letter queue: its messages listed, redriven, discarded; and originals announced to their lane.

Listing receives messages, which hides them from other consumers for a while, and releases them afterwards. A redrive
copies a message to the lane's queue and then deletes it: an interruption between the two leaves a duplicate, which the
pipeline handles once, and never loses one.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lambdas.core.keys import OriginalKey
from lambdas.core.settings import Settings
from lambdas.core.settings.lanes import SHARED_LANE
from operations.dead_letters.message import DeadMessage, Failure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_HELD_SECONDS = 120  # visibility timeout while a message is looked at
_BATCH = 10  # maximum of one ReceiveMessage
_WAIT_SECONDS = 1  # long polling asks every SQS server, so an empty response means an empty queue


class UnknownLaneError(ValueError):
    """The settings have no such lane; the message lists those that exist."""


def lane_of(settings: Settings, tenant: str) -> str:
    """Return the lane that processes the pictures of ``tenant``."""
    return tenant if tenant in settings.dedicated_tenants else SHARED_LANE


def announcement(s3: "S3Client", bucket: str, key: OriginalKey) -> str:
    """Return an "Object Created" message for an original, as S3 would send it now.

    Raises:
        ClientError: the original does not exist, or S3 refused.
    """
    head = s3.head_object(Bucket=bucket, Key=str(key))
    described = {"key": str(key), "size": head["ContentLength"], "etag": head["ETag"].strip('"')}
    if "VersionId" in head:
        described["version-id"] = head["VersionId"]
    return json.dumps({"detail-type": "Object Created", "detail": {"bucket": {"name": bucket}, "object": described}})


class DeadLetterQueue:
    """The dead-letter queue of one lane.

    Args:
        lane: its name.
        settings: of the stage.
        parameter: returns what the stacks published under a name, such as ``lane-shared-dlq-url``.
        sqs: a client in the lane's region.
        dynamodb: a client in the lane's region.
    """

    def __init__(
        self,
        lane: str,
        settings: Settings,
        parameter: Callable[[str], str],
        sqs: "SQSClient",
        dynamodb: "DynamoDBClient",
    ) -> None:
        if lane not in settings.lane_names:
            raise UnknownLaneError(f"expected a lane of {', '.join(settings.lane_names)} but received {lane!r}")
        self.lane = lane
        self._url = parameter(f"lane-{lane}-dlq-url")
        self._queue_url = parameter(f"lane-{lane}-queue-url")
        self._table = parameter(f"lane-{lane}-failures-table")
        self._sqs = sqs
        self._dynamodb = dynamodb

    def count(self) -> int:
        """Return the approximate number of messages, including those that are held.

        Raises:
            ClientError: the queue cannot be read.
        """
        found = self._sqs.get_queue_attributes(
            QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        )["Attributes"]
        return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])

    def messages(self) -> list[DeadMessage]:
        """Return every message, oldest first, and release them all.

        Raises:
            ClientError: the queue or the failures table cannot be read.
        """
        return sorted(self._each(lambda _message: False), key=lambda message: message.sent_at)

    def redrive(self, chosen: Callable[[DeadMessage], bool]) -> list[DeadMessage]:
        """Move the ``chosen`` messages to the lane's queue, with a full number of tries; return them.

        Raises:
            ClientError: a queue refused; messages not yet moved are released.
        """
        return self._take(chosen, self._redrive)

    def announce(self, body: str) -> None:
        """Put a message about an original into the lane's queue.

        Raises:
            ClientError: the queue refused.
        """
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=body)

    def discard(self, chosen: Callable[[DeadMessage], bool]) -> list[DeadMessage]:
        """Delete the ``chosen`` messages permanently; return them.

        Raises:
            ClientError: the queue refused; messages not yet deleted are released.
        """
        return self._take(chosen, self._delete)

    def _take(self, chosen: Callable[[DeadMessage], bool], action: Callable[[DeadMessage], None]) -> list[DeadMessage]:
        taken: list[DeadMessage] = []

        def act(message: DeadMessage) -> bool:
            if not chosen(message):
                return False
            action(message)
            taken.append(message)
            return True

        for _message in self._each(act):
            pass
        return taken

    def _each(self, act: Callable[[DeadMessage], bool]) -> Iterator[DeadMessage]:
        """Hold each message once and pass it to ``act``, which returns whether it is gone; release the rest."""
        kept: dict[str, DeadMessage] = {}
        seen: set[str] = set()
        began = datetime.now(UTC)
        try:
            while held := self._hold():
                kept.update((message.message_id, message) for message in held)
                # A message sent since may be one that was redriven and failed again: skipping it ends the loop.
                new = [each for each in held if each.message_id not in seen and each.sent_at <= began]
                seen.update(message.message_id for message in new)
                if not new:
                    break
                for message in new:
                    if act(message):
                        del kept[message.message_id]
                    yield message
        finally:
            for message in kept.values():
                self._release(message)

    def _hold(self) -> list[DeadMessage]:
        messages = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=_BATCH,
            VisibilityTimeout=_HELD_SECONDS,
            WaitTimeSeconds=_WAIT_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        failures = self._failures({message["MD5OfBody"] for message in messages})
        return [self._dead_message(message, failures) for message in messages]

    def _dead_message(self, message: "MessageTypeDef", failures: Mapping[str, Failure]) -> DeadMessage:
        return DeadMessage(
            lane=self.lane,
            message_id=message["MessageId"],
            body=message["Body"],
            sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
            failure=failures.get(message["MD5OfBody"]),
            receipt_handle=message["ReceiptHandle"],
        )

    def _failures(self, bodies: set[str]) -> dict[str, Failure]:
        """Return the recorded failures by the MD5 of the message body."""
        found: dict[str, Failure] = {}
        wanted: Mapping[str, Any] = {self._table: {"Keys": [{"body_md5": {"S": md5}} for md5 in sorted(bodies)]}}
        while wanted and bodies:
            response = self._dynamodb.batch_get_item(RequestItems=wanted)
            for item in response["Responses"].get(self._table, []):
                found[item["body_md5"]["S"]] = Failure.from_item(item)
            wanted = response.get("UnprocessedKeys", {})
            if wanted:
                time.sleep(_WAIT_SECONDS)
        return found

    def _redrive(self, message: DeadMessage) -> None:
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=message.body)
        self._delete(message)

    def _delete(self, message: DeadMessage) -> None:
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt_handle)

    def _release(self, message: DeadMessage) -> None:
        # If this fails, the message stays hidden until its visibility timeout and no longer.
        with suppress(self._sqs.exceptions.ClientError):
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=0
            )
