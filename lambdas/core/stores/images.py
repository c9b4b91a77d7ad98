"""The images table: one row per image, from ``POST /uploads`` on; ``lambdas.core.life`` says how it may change."""

import json
import math
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from boto3.dynamodb.conditions import ConditionExpressionBuilder
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from lambdas.core.aws_errors import code_of
from lambdas.core.keys import ImageId, Variant
from lambdas.core.life import Transition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

_BY_TENANT = "by-tenant"


class Applied(NamedTuple):
    """Whether a transition was written, and the row: as it is now, or the one that refused; None if there is none."""

    done: bool
    row: dict[str, Any] | None


class ImagesTable:
    """Images by image id."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def find(self, image_id: ImageId, *, now: bool = False) -> dict[str, Any] | None:
        """Return an image's row as plain JSON types, or None if there is none; an expired one counts as none.

        ``now`` asks for a strongly consistent read.

        Raises:
            ClientError: the table cannot be read; a retry may help.
        """
        answer = self._client.get_item(TableName=self._name, Key={"image_id": {"S": image_id}}, ConsistentRead=now)
        return _unexpired(answer.get("Item"))

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

    def apply(self, image_id: ImageId, transition: Transition) -> Applied:
        """Write a transition of an image's row, if its condition holds.

        Raises:
            ClientError: the table cannot be written; a retry may help.
        """
        request = _update(transition)
        try:
            answer = self._client.update_item(
                TableName=self._name,
                Key={"image_id": {"S": image_id}},
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **request,
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            refusing: Any = error.response.get("Item")
            return Applied(done=False, row=_plain(refusing) if refusing else None)
        return Applied(done=True, row=_plain(answer["Attributes"]))

    def add_derivatives(self, image_id: ImageId, made: Mapping[str, Mapping[str, Any]], focus_version: int) -> bool:
        """Add the derivatives ``made`` (by variant, of JSON types) to a ready image's item.

        Return whether they were written: not if the image is not ready, no longer exists, or has another
        ``focus_version`` than the crops among them were drawn with.

        Raises:
            ClientError: the table cannot be written; a retry may help.
        """
        serialize = TypeSerializer().serialize
        names = {f"#v{number}": variant for number, variant in enumerate(made)}
        values = {f":v{number}": serialize(dict(entry)) for number, entry in enumerate(made.values())}
        condition = "#state = :ready"
        if any(Variant.parse(variant).height for variant in made):
            condition += " AND " + (
                "focus_version = :focus" if focus_version else "attribute_not_exists(focus_version)"
            )
            values |= {":focus": {"N": str(focus_version)}} if focus_version else {}
        try:
            self._client.update_item(
                TableName=self._name,
                Key={"image_id": {"S": image_id}},
                UpdateExpression="SET "
                + ", ".join(f"derivatives.#v{number} = :v{number}" for number in range(len(made))),
                ConditionExpression=condition,
                ExpressionAttributeNames={**names, "#state": "state"},
                ExpressionAttributeValues={**values, ":ready": {"S": "ready"}},
            )
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _update(transition: Transition) -> dict[str, Any]:
    """Return the expressions of an UpdateItem request; reserved words and dotted paths become placeholders."""
    condition = ConditionExpressionBuilder().build_expression(transition.condition)
    names = dict(condition.attribute_name_placeholders)
    values = dict(condition.attribute_value_placeholders)
    aliases: dict[str, str] = {}

    def path(text: str) -> str:
        return ".".join(aliases.setdefault(part, f"#s{len(aliases)}") for part in text.split("."))

    sets = []
    for number, (attribute, value) in enumerate(transition.sets.items()):
        values[f":s{number}"] = value
        sets.append(f"{path(attribute)} = :s{number}")
    expression = f"SET {', '.join(sets)}"
    if transition.removes:
        expression += f" REMOVE {', '.join(map(path, transition.removes))}"
    names |= {alias: name for name, alias in aliases.items()}
    serialize = TypeSerializer().serialize
    exact = json.loads(json.dumps(values), parse_float=Decimal)
    return {
        "UpdateExpression": expression,
        "ConditionExpression": condition.condition_expression,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {name: serialize(value) for name, value in exact.items()},
    }


def _unexpired(item: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a row as plain JSON types; None if DynamoDB is about to delete it, which may take it days."""
    row = None if item is None else _plain(item)
    return None if row is None or row.get("expires_at", math.inf) <= time.time() else row


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    deserializer = TypeDeserializer()
    plain = {name: deserializer.deserialize(value) for name, value in item.items()}
    found: dict[str, Any] = json.loads(json.dumps(plain, default=_number))
    return found


def _number(value: Any) -> int | float:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"expected a JSON type in the images table but received {value!r} of type {type(value).__name__}")
