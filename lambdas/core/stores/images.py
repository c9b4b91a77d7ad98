"""The images table: one item per image, written once, when its outcome is known."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from lambdas.core.aws_errors import code_of
from lambdas.core.keys import ImageId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

_BY_TENANT = "by-tenant"


class ImagesTable:
    """Images by image id."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def has_outcome(self, image_id: ImageId) -> bool:
        """Tell whether an image's outcome is recorded (strongly consistent).

        Raises:
            ClientError: the table cannot be read; a retry may help.
        """
        answer = self._client.get_item(
            TableName=self._name,
            Key={"image_id": {"S": image_id}},
            ProjectionExpression="outcome",
            ConsistentRead=True,
        )
        return "Item" in answer

    def find(self, image_id: ImageId, *, now: bool = False) -> dict[str, Any] | None:
        """Return an image's item as plain JSON types, or None if it has no outcome yet.

        ``now`` asks for a strongly consistent read.

        Raises:
            ClientError: the table cannot be read; a retry may help.
        """
        answer = self._client.get_item(TableName=self._name, Key={"image_id": {"S": image_id}}, ConsistentRead=now)
        item = answer.get("Item")
        return None if item is None else _plain(item)

    def newest(
        self, tenant: str, limit: int, after: tuple[str, str] | None = None
    ) -> tuple[list[dict[str, Any]], tuple[str, str] | None]:
        """Return up to ``limit`` items of ``tenant`` past ``after``, newest first, and where the next page begins.

        A position is an item's upload time and image id.

        Raises:
            ClientError: the table cannot be read; a retry may help.
        """
        request: QueryInputTypeDef = {
            "TableName": self._name,
            "IndexName": _BY_TENANT,
            "KeyConditionExpression": "tenant = :tenant",
            "ExpressionAttributeValues": {":tenant": {"S": tenant}},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if after is not None:
            uploaded_at, image_id = after
            request["ExclusiveStartKey"] = {
                "tenant": {"S": tenant},
                "uploaded_at": {"S": uploaded_at},
                "image_id": {"S": image_id},
            }
        answer = self._client.query(**request)
        items = [_plain(item) for item in answer["Items"]]
        last = answer.get("LastEvaluatedKey")
        return items, (last["uploaded_at"]["S"], last["image_id"]["S"]) if last else None

    def scan(self, segment: int, segments: int) -> Iterator[list[dict[str, Any]]]:
        """Yield the items of one of ``segments`` equal parts of the table, counted from 0, in pages of up to 1 MB.

        Raises:
            ClientError: the table cannot be read; a retry may help.
        """
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._name, Segment=segment, TotalSegments=segments
        )
        for page in pages:
            yield [_plain(item) for item in page["Items"]]

    def uploaded(self, tenant: str, first: str, end: str) -> Iterator[dict[str, Any]]:
        """Yield the items of ``tenant`` uploaded at ``first`` or later and before ``end`` (ISO 8601), oldest first.

        Raises:
            ClientError: the table cannot be read; a retry may help.
        """
        pages = self._client.get_paginator("query").paginate(
            TableName=self._name,
            IndexName=_BY_TENANT,
            KeyConditionExpression="tenant = :tenant AND uploaded_at BETWEEN :first AND :end",
            ExpressionAttributeValues={":tenant": {"S": tenant}, ":first": {"S": first}, ":end": {"S": end}},
        )
        for page in pages:
            yield from (item for item in map(_plain, page["Items"]) if item["uploaded_at"] < end)

    def remove(self, image_id: ImageId) -> None:
        """Delete an image's item.

        Raises:
            ClientError: the table cannot be written; a retry may help.
        """
        self._client.delete_item(TableName=self._name, Key={"image_id": {"S": image_id}})

    def add_derivatives(self, image_id: ImageId, made: Mapping[str, Mapping[str, Any]]) -> bool:
        """Add the derivatives ``made`` (by variant, of JSON types) to a ready image's item.

        Return whether they were written: not if the image is not ready, or no longer exists.

        Raises:
            ClientError: the table cannot be written; a retry may help.
        """
        serialize = TypeSerializer().serialize
        names = {f"#v{number}": variant for number, variant in enumerate(made)}
        values = {f":v{number}": serialize(dict(entry)) for number, entry in enumerate(made.values())}
        try:
            self._client.update_item(
                TableName=self._name,
                Key={"image_id": {"S": image_id}},
                UpdateExpression="SET "
                + ", ".join(f"derivatives.{name} = {value}" for name, value in zip(names, values, strict=True)),
                ConditionExpression="outcome = :ready",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={**values, ":ready": {"S": "ready"}},
            )
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def add(self, item: dict[str, Any]) -> bool:
        """Write ``item``, of JSON types, unless the image already has one; return whether it was written.

        Raises:
            ClientError: the table cannot be written; a retry may help.
        """
        exact = json.loads(json.dumps(item), parse_float=Decimal)
        serializer = TypeSerializer()
        try:
            self._client.put_item(
                TableName=self._name,
                Item={name: serializer.serialize(value) for name, value in exact.items()},
                ConditionExpression="attribute_not_exists(image_id)",
            )
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    deserializer = TypeDeserializer()
    plain = {name: deserializer.deserialize(value) for name, value in item.items()}
    found: dict[str, Any] = json.loads(json.dumps(plain, default=_number))
    return found


def _number(value: Any) -> int | float:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"expected a JSON type in the images table but received {value!r} of type {type(value).__name__}")
