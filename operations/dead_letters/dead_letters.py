"""The dead letters of a lane: messages that were tried as often as its queue allows. Listed, sent back, discarded.

A letter is received, which hides it for a while from everybody else, and let go again unless something is done with
it. Sending back is a copy into the lane's queue, then the deletion: whoever is interrupted between the two leaves
a message twice, which the pipeline takes for one, and never none.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lambdas.core.settings import Settings
from operations.dead_letters.dead_letter import DeadLetter, Failure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_HELD_SECONDS = 120  # how long a letter is hidden while it is looked at
_BATCH = 10  # SQS hands out no more at once
_WAIT_SECONDS = 1  # SQS asks all of its servers only where it may wait: an empty answer then means an empty queue


class UnknownLaneError(ValueError):
    """The settings have no such lane: the message says which there are."""


class DeadLetterQueue:
    """The dead letters of one lane, and the way back from there.

    Args:
        lane: its name.
        settings: by which its parts are found.
        parameter: returns what the stacks published as a thing, such as ``lane-shared-dlq-url``.
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
        """Return about how many letters there are, held ones included.

        Raises:
            ClientError: the queue cannot be read.
        """
        found = self._sqs.get_queue_attributes(
            QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        )["Attributes"]
        return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])

    def letters(self) -> list[DeadLetter]:
        """Return every letter, oldest first, and let them all go again.

        Raises:
            ClientError: the queue or the table of failures cannot be read.
        """
        return sorted(self._each(lambda _letter: False), key=lambda letter: letter.sent_at)

    def send_back(self, chosen: Callable[[DeadLetter], bool]) -> list[DeadLetter]:
        """Put every letter that is ``chosen`` into the lane's queue, to be tried as often as a new one; return them.

        Raises:
            ClientError: a queue refused; the letters that were not sent are let go.
        """
        return self._take(chosen, self._send_back)

    def announce(self, body: str) -> None:
        """Put a message into the lane's queue, of an original that it does not know of.

        Raises:
            ClientError: the queue refused.
        """
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=body)

    def discard(self, chosen: Callable[[DeadLetter], bool]) -> list[DeadLetter]:
        """Delete every letter that is ``chosen``, for good; return them.

        Raises:
            ClientError: the queue refused; the letters that were not deleted are let go.
        """
        return self._take(chosen, self._delete)

    def _take(self, chosen: Callable[[DeadLetter], bool], action: Callable[[DeadLetter], None]) -> list[DeadLetter]:
        taken: list[DeadLetter] = []

        def act(letter: DeadLetter) -> bool:
            if not chosen(letter):
                return False
            action(letter)
            taken.append(letter)
            return True

        for _letter in self._each(act):
            pass
        return taken

    def _each(self, act: Callable[[DeadLetter], bool]) -> Iterator[DeadLetter]:
        """Hold every letter once, hand it to ``act``, which tells whether it is gone; let the others go at the end."""
        kept: dict[str, DeadLetter] = {}
        seen: set[str] = set()
        began = datetime.now(UTC)
        try:
            while held := self._hold():
                kept.update((letter.message_id, letter) for letter in held)
                # What was sent since may be one of ours, come back to keep us here for ever.
                new = [each for each in held if each.message_id not in seen and each.sent_at <= began]
                seen.update(letter.message_id for letter in new)
                if not new:
                    break
                for letter in new:
                    if act(letter):
                        del kept[letter.message_id]
                    yield letter
        finally:
            for letter in kept.values():
                self._let_go(letter)

    def _hold(self) -> list[DeadLetter]:
        messages = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=_BATCH,
            VisibilityTimeout=_HELD_SECONDS,
            WaitTimeSeconds=_WAIT_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        failures = self._failures({message["MD5OfBody"] for message in messages})
        return [self._letter(message, failures) for message in messages]

    def _letter(self, message: "MessageTypeDef", failures: Mapping[str, Failure]) -> DeadLetter:
        return DeadLetter(
            lane=self.lane,
            message_id=message["MessageId"],
            body=message["Body"],
            sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
            failure=failures.get(message["MD5OfBody"]),
            receipt_handle=message["ReceiptHandle"],
        )

    def _failures(self, bodies: set[str]) -> dict[str, Failure]:
        """Return what was noted of messages, by the MD5 of their bodies."""
        found: dict[str, Failure] = {}
        wanted: Mapping[str, Any] = {self._table: {"Keys": [{"body_md5": {"S": md5}} for md5 in sorted(bodies)]}}
        while wanted and bodies:
            answer = self._dynamodb.batch_get_item(RequestItems=wanted)
            for item in answer["Responses"].get(self._table, []):
                found[item["body_md5"]["S"]] = Failure.from_item(item)
            wanted = answer.get("UnprocessedKeys", {})
            if wanted:
                time.sleep(_WAIT_SECONDS)
        return found

    def _send_back(self, letter: DeadLetter) -> None:
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=letter.body)
        self._delete(letter)

    def _delete(self, letter: DeadLetter) -> None:
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt_handle)

    def _let_go(self, letter: DeadLetter) -> None:
        # Should this fail, the letter is hidden until its time is over, and no longer.
        with suppress(self._sqs.exceptions.ClientError):
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=letter.receipt_handle, VisibilityTimeout=0
            )
