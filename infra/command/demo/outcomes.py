"""The images table, read for outcomes of many pictures at once."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from infra.command.demo.records import Outcome

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BATCH = 100  # BatchGetItem's limit on keys


def find_outcomes(client: "DynamoDBClient", table: str, image_ids: Iterable[str]) -> Iterator[Outcome]:
    """Yield the outcome of each of ``image_ids`` that has one.

    Raises:
        ClientError: the table cannot be read.
    """
    keys: list[Any] = [{"image_id": {"S": image_id}} for image_id in image_ids]
    for start in range(0, len(keys), _BATCH):
        asked: Any = {table: {"Keys": keys[start : start + _BATCH], "ConsistentRead": True}}
        while asked:
            answer = client.batch_get_item(RequestItems=asked)
            for item in answer["Responses"].get(table, []):
                yield _outcome(item)
            asked = answer.get("UnprocessedKeys")


def _outcome(item: Any) -> Outcome:
    deserialize = TypeDeserializer().deserialize
    plain = {name: deserialize(value) for name, value in item.items()}
    uploaded, recorded = (datetime.fromisoformat(plain[name]) for name in ("uploaded_at", "recorded_at"))
    return Outcome.model_validate({**plain, "seconds": (recorded - uploaded).total_seconds()})
