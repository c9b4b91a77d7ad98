"""DynamoDB in memory, at the level of boto3's calls: items, conditions, updates, queries on an index, TTL.

``test_simulated_dynamodb.py`` holds it to moto by random sequences of operations. An argument that is not simulated is
a ``NotImplementedError``: nothing is ignored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dynamodb_expressions import (
    Attributes,
    Item,
    apply_update,
    check_placeholders,
    compare_values,
    condition_of,
    copied,
    project,
    update_of,
)
from simulated_s3 import Answer, AwsError

_FAILED = "The conditional request failed"


@dataclass
class SimulatedTable:
    """A table with a partition key alone; ``indexes`` have a partition and a sort key each."""

    key: str
    indexes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    expires: str | None = None
    items: dict[str, Item] = field(default_factory=dict)


class SimulatedDynamoDB:
    """Tables by name. ``stale`` decides whether an eventually consistent read returns an item's former state."""

    def __init__(
        self,
        tables: Mapping[str, SimulatedTable],
        now: Callable[[], datetime],
        stale: Callable[[str, str], bool] = lambda *_: False,
    ) -> None:
        self.tables = dict(tables)
        self._now = now
        self._stale = stale
        self._former: dict[tuple[str, str], tuple[datetime, Item | None]] = {}

    def snapshot(self) -> Any:
        return {name: dict(table.items) for name, table in self.tables.items()}

    def restore(self, snapshot: Any) -> None:
        self._former = {}
        for name, items in snapshot.items():
            self.tables[name].items = dict(items)

    def expire(self) -> None:
        """Delete the items whose time to live is over; DynamoDB does so within days."""
        now = self._now().timestamp()
        for table in self.tables.values():
            if table.expires:
                table.items = {
                    key: item
                    for key, item in table.items.items()
                    if not (table.expires in item and float(item[table.expires]["N"]) < now)
                }

    def may_be_stale(self, table: str, key: str) -> bool:
        """Whether an eventually consistent read may still return an item's former state: for a second."""
        former = self._former.get((table, key))
        return former is not None and (self._now() - former[0]).total_seconds() < 1

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Answer:
        """Do one operation, named as the API does.

        Raises:
            AwsError: DynamoDB refuses.
            NotImplementedError: the simulation lacks the operation or one of its arguments.
        """
        method = getattr(self, f"_{operation}", None)
        if method is None:
            raise NotImplementedError(f"DynamoDB {operation} is not simulated")
        rest = dict(arguments)
        name = rest.pop("TableName")
        if name not in self.tables:
            raise AwsError("ResourceNotFoundException", 400)
        try:
            answer: Answer = method(name, self.tables[name], **rest)
        except TypeError as error:
            if "unexpected keyword" in str(error):
                raise NotImplementedError(f"DynamoDB {operation}: {error}") from error
            raise
        return answer

    def _GetItem(
        self,
        name: str,
        table: SimulatedTable,
        Key: Item,
        ConsistentRead: bool = False,
        ProjectionExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
    ) -> Answer:
        attributes = Attributes(ExpressionAttributeNames or {}, {})
        check_placeholders(attributes, projection=ProjectionExpression)
        key = _key_of(table, Key)
        item = table.items.get(key)
        if not ConsistentRead and self.may_be_stale(name, key) and self._stale(name, key):
            item = self._former[name, key][1]
        if item is None:
            return {}
        return {"Item": project(item, ProjectionExpression, attributes) if ProjectionExpression else item}

    def _PutItem(
        self,
        name: str,
        table: SimulatedTable,
        Item: Item,
        ConditionExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Item | None = None,
        ReturnValues: str = "NONE",
        ReturnValuesOnConditionCheckFailure: str = "NONE",
    ) -> Answer:
        attributes = Attributes(ExpressionAttributeNames or {}, ExpressionAttributeValues or {})
        check_placeholders(attributes, condition=ConditionExpression)
        key = _key_of(table, {table.key: Item[table.key]} if table.key in Item else {})
        old = table.items.get(key)
        self._check(old, ConditionExpression, attributes, ReturnValuesOnConditionCheckFailure)
        self._store(name, table, key, copied(Item))
        return {"Attributes": old} if old is not None and ReturnValues == "ALL_OLD" else {}

    def _DeleteItem(
        self,
        name: str,
        table: SimulatedTable,
        Key: Item,
        ConditionExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Item | None = None,
        ReturnValues: str = "NONE",
        ReturnValuesOnConditionCheckFailure: str = "NONE",
    ) -> Answer:
        attributes = Attributes(ExpressionAttributeNames or {}, ExpressionAttributeValues or {})
        check_placeholders(attributes, condition=ConditionExpression)
        key = _key_of(table, Key)
        old = table.items.get(key)
        self._check(old, ConditionExpression, attributes, ReturnValuesOnConditionCheckFailure)
        self._store(name, table, key, None)
        return {"Attributes": old} if old is not None and ReturnValues == "ALL_OLD" else {}

    def _UpdateItem(
        self,
        name: str,
        table: SimulatedTable,
        Key: Item,
        UpdateExpression: str | None = None,
        ConditionExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Item | None = None,
        ReturnValues: str = "NONE",
        ReturnValuesOnConditionCheckFailure: str = "NONE",
    ) -> Answer:
        attributes = Attributes(ExpressionAttributeNames or {}, ExpressionAttributeValues or {})
        check_placeholders(attributes, condition=ConditionExpression, update=UpdateExpression)
        key = _key_of(table, Key)
        old = table.items.get(key)
        self._check(old, ConditionExpression, attributes, ReturnValuesOnConditionCheckFailure)
        new = copied(old) if old is not None else copied(Key)
        touched: set[str] = set()
        if UpdateExpression:
            touched = apply_update(new, update_of(UpdateExpression), attributes)
            if table.key in touched:
                raise AwsError("ValidationException", 400, "This attribute is part of the key")
        self._store(name, table, key, new)
        match ReturnValues:
            case "ALL_NEW":
                return {"Attributes": new}
            case "ALL_OLD":
                return {"Attributes": old} if old is not None else {}
            case "NONE":
                return {}
        raise NotImplementedError(f"ReturnValues {ReturnValues} is not simulated")

    def _Query(
        self,
        name: str,
        table: SimulatedTable,
        KeyConditionExpression: str,
        IndexName: str | None = None,
        FilterExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Item | None = None,
        ScanIndexForward: bool = True,
        Limit: int | None = None,
        ExclusiveStartKey: Item | None = None,
        ConsistentRead: bool = False,
    ) -> Answer:
        attributes = Attributes(ExpressionAttributeNames or {}, ExpressionAttributeValues or {})
        check_placeholders(attributes, condition=KeyConditionExpression, filtered=FilterExpression)
        parts = table.indexes[IndexName] if IndexName else (table.key,)
        wanted = condition_of(KeyConditionExpression)
        found = [i for i in table.items.values() if all(part in i for part in parts) and wanted(i, attributes)]
        order = [*parts, table.key]
        found.sort(key=lambda item: [compare_values(item[part]) for part in order], reverse=not ScanIndexForward)
        return self._page(table, found, order, FilterExpression, attributes, Limit, ExclusiveStartKey, ScanIndexForward)

    def _Scan(
        self,
        name: str,
        table: SimulatedTable,
        FilterExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Item | None = None,
        Limit: int | None = None,
        ExclusiveStartKey: Item | None = None,
        ConsistentRead: bool = False,
    ) -> Answer:
        attributes = Attributes(ExpressionAttributeNames or {}, ExpressionAttributeValues or {})
        check_placeholders(attributes, filtered=FilterExpression)
        found = sorted(table.items.values(), key=lambda item: compare_values(item[table.key]))
        return self._page(table, found, [table.key], FilterExpression, attributes, Limit, ExclusiveStartKey, True)

    def _page(
        self,
        table: SimulatedTable,
        found: list[Item],
        order: list[str],
        filtered: str | None,
        attributes: Attributes,
        limit: int | None,
        start: Item | None,
        forward: bool,
    ) -> Answer:
        if start is not None:
            position = [compare_values(start[part]) for part in order if part in start]
            names = [part for part in order if part in start]

            def later(item: Item) -> bool:
                place = [compare_values(item[part]) for part in names]
                return place > position if forward else place < position

            found = [item for item in found if later(item)]
        page = found if limit is None else found[:limit]
        matching = condition_of(filtered) if filtered else None
        items = [item for item in page if matching is None or matching(item, attributes)]
        answer: Answer = {"Items": items, "Count": len(items), "ScannedCount": len(page)}
        if limit is not None and len(page) == limit:  # as DynamoDB does, also where nothing follows
            answer["LastEvaluatedKey"] = {part: page[-1][part] for part in order}
        return answer

    def _check(self, old: Item | None, condition: str | None, attributes: Attributes, on_failure: str) -> None:
        if condition is None or condition_of(condition)(old or {}, attributes):
            return
        rest = {"Item": old} if old is not None and on_failure == "ALL_OLD" else {}
        raise AwsError("ConditionalCheckFailedException", 400, _FAILED, **rest)

    def _store(self, name: str, table: SimulatedTable, key: str, item: Item | None) -> None:
        self._former[name, key] = (self._now(), table.items.get(key))
        if item is None:
            table.items.pop(key, None)
        else:
            table.items[key] = item


def _key_of(table: SimulatedTable, key: Item) -> str:
    if set(key) != {table.key} or "S" not in key[table.key]:
        raise AwsError("ValidationException", 400, "The provided key element does not match the schema")
    text: str = key[table.key]["S"]
    return text
