"""Uploads in tests, and the wait for what became of them."""

import time
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from infra.local.processes import log_tail
from infra.local.stack import LocalStack
from infra.local.tenant import tenant_uploader

TENANT = "demo"
_PATIENCE_SECONDS = 90.0
_POLL_SECONDS = 0.1


def upload(stack: LocalStack, file: Path) -> str:
    """Upload ``file`` as a client does, and return its image id."""
    with tenant_uploader(stack, TENANT) as uploader:
        return uploader.upload(file).image_id


def await_outcome(stack: LocalStack, image_id: str) -> dict[str, Any]:
    """Wait for the outcome of ``image_id``; return its row, or fail with the pipe runner's log where none comes."""
    table, database = stack.parameter("images-table"), stack.client("dynamodb")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        item = database.get_item(TableName=table, Key={"image_id": {"S": image_id}}, ConsistentRead=True).get("Item")
        if item and item["state"]["S"] not in ("expected", "processing"):
            deserialize = TypeDeserializer().deserialize
            return {name: deserialize(value) for name, value in item.items()}
        time.sleep(_POLL_SECONDS)
    raise AssertionError(
        f"expected an outcome of {image_id} but received {item}:\n{log_tail(stack.folder.log('pipes'))}"
    )


def await_idle(stack: LocalStack) -> None:
    """Wait until the shared lane's queue has no message, waiting or in flight."""
    sqs, queue = stack.client("sqs"), stack.parameter("lane-shared-queue-url")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while sum(depths := queue_depths(sqs, queue)):
        assert time.monotonic() < deadline, f"expected an empty queue but it has {depths} messages"
        time.sleep(_POLL_SECONDS)


def queue_depths(sqs: Any, queue: str) -> tuple[int, int]:
    """Return how many messages of ``queue`` wait, and how many are in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    waiting, in_flight = (int(attributes[name]) for name in names)
    return waiting, in_flight
