"""The simulated DynamoDB does what moto's does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from simulated_dynamodb import SimulatedDynamoDB, SimulatedTable
from simulated_s3 import AwsError

# Moto is too slow for examples to be shrunk.
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
START = datetime(2026, 1, 1, tzinfo=UTC)
IDS = ("a", "b", "c")
VALUES: tuple[dict[str, Any], ...] = (
    {"S": "expected"},
    {"S": "ready"},
    {"N": "1"},
    {"N": "20"},
    {"M": {"etag": {"S": "x"}, "size": {"N": "3"}}},
    {"L": [{"S": "ready"}]},
    {"SS": ["u", "v"]},
    {"BOOL": True},
)
CONDITIONS = (
    "attribute_not_exists(image_id)",
    "attribute_exists(original.etag) AND #s <> :v",
    "#s = :v",
    "NOT #s = :v OR original.etag = :w",
    "#s IN (:v, :w)",
    "deaths < :v",
    "deaths BETWEEN :v AND :w",
    "(attribute_not_exists(deaths) OR deaths <= :v) AND #s <> :w",
    "begins_with(#s, :v)",
    "contains(#s, :v)",
    "size(#s) > :v",
    "attribute_type(#s, :v)",
)
UPDATES = (
    "SET #s = :v",
    "SET original.etag = :v, #s = :w",
    "SET original.etag = :v REMOVE deaths, original.absent",
    "SET deaths = if_not_exists(deaths, :v) + :w",
    "SET copied = :v REMOVE #s",
    "REMOVE original.etag, deaths",
    "ADD deaths :v",
    "SET #s = deaths",
    "SET original.#s = :v",
    "ADD tags :v",
    "DELETE tags :v",
)
PROJECTIONS = ("outcome", "#s, original.etag", "image_id, tags")

values = st.sampled_from(VALUES)
# moto lets a path lead through a string: "original" is a map or missing.
items = st.fixed_dictionaries(
    {}, optional={"state": values, "deaths": values, "tags": values, "original": st.just(VALUES[4])}
)


def used(placeholders: tuple[str, ...], *texts: str | None) -> list[str]:
    return [each for each in placeholders if any(each in text for text in texts if text)]


@st.composite
def writes(draw: Any) -> tuple[str, dict[str, Any]]:
    operation = draw(st.sampled_from(["PutItem", "UpdateItem", "UpdateItem", "DeleteItem"]))
    condition = draw(st.one_of(st.none(), st.sampled_from(CONDITIONS)))
    update = draw(st.sampled_from(UPDATES)) if operation == "UpdateItem" else None
    image_id = draw(st.sampled_from(IDS))
    key = {"image_id": {"S": image_id}}
    request: dict[str, Any] = {"Key": key}
    if operation == "PutItem":
        request = {"Item": {**key, "tenant": {"S": "demo"}, "uploaded_at": {"S": image_id}, **draw(items)}}
    if condition:
        request["ConditionExpression"] = condition
        request["ReturnValuesOnConditionCheckFailure"] = draw(st.sampled_from(["NONE", "ALL_OLD"]))
    if update:
        request["UpdateExpression"] = update
    request["ReturnValues"] = draw(st.sampled_from(["NONE", "ALL_OLD", *(["ALL_NEW"] if update else [])]))
    if used(("#s",), condition, update):
        request["ExpressionAttributeNames"] = {"#s": "state"}
    if placeholders := used((":v", ":w"), condition, update):
        request["ExpressionAttributeValues"] = {name: draw(values) for name in placeholders}
    return operation, request


@st.composite
def looks(draw: Any) -> tuple[str, dict[str, Any]]:
    if draw(st.booleans()):
        projection = draw(st.one_of(st.none(), st.sampled_from(PROJECTIONS)))
        request: dict[str, Any] = {"Key": {"image_id": {"S": draw(st.sampled_from(IDS))}}, "ConsistentRead": True}
        if projection:
            request["ProjectionExpression"] = projection
            if "#s" in projection:
                request["ExpressionAttributeNames"] = {"#s": "state"}
        return "GetItem", request
    return "Query", {
        "IndexName": "by-tenant",
        "KeyConditionExpression": "tenant = :t AND uploaded_at BETWEEN :a AND :b",
        "ExpressionAttributeValues": {":t": {"S": "demo"}, ":a": {"S": "a"}, ":b": {"S": draw(st.sampled_from(IDS))}},
        "ScanIndexForward": draw(st.booleans()),
        "Limit": draw(st.integers(1, 4)),
    }


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )
        client.create_table(
            TableName="images",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "image_id", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("image_id", "tenant", "uploaded_at")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-tenant",
                    "KeySchema": [
                        {"AttributeName": "tenant", "KeyType": "HASH"},
                        {"AttributeName": "uploaded_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        yield client


def simulated() -> SimulatedDynamoDB:
    return SimulatedDynamoDB(
        {"images": SimulatedTable("image_id", {"by-tenant": ("tenant", "uploaded_at")}, "expires_at")}, lambda: START
    )


def run(call: Any, operation: str, request: dict[str, Any]) -> Any:
    try:
        answer = call(operation, {"TableName": "images", **request})
    except ClientError as error:
        return error.response["Error"]["Code"], sorted_sets(error.response.get("Item"))
    except AwsError as error:
        return error.code, sorted_sets(error.rest.get("Item"))
    return {name: sorted_sets(answer.get(name)) for name in ("Attributes", "Item", "Items")}


def sorted_sets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: sorted(each) if name == "SS" else sorted_sets(each) for name, each in value.items()}
    return [sorted_sets(each) for each in value] if isinstance(value, list) else value


@settings(max_examples=60, phases=UNSHRUNK)
@given(operations=st.lists(st.one_of(writes(), writes(), looks()), min_size=4, max_size=20))
def test_items_as_moto_has_them(client: Any, operations: list[Any]) -> None:
    for image_id in IDS:
        client.delete_item(TableName="images", Key={"image_id": {"S": image_id}})
    ours = simulated()
    for operation in operations:
        try:
            theirs = run(client._make_api_call, *operation)
        except (TypeError, ValueError, KeyError, AttributeError):
            return  # moto compares unlike types, or removes from what is no map, and fails in the middle of it
        assert run(ours.call, *operation) == theirs, operation
        if theirs == ("ValidationException", None):
            return  # moto may have stored a part of the update


# ---- What DynamoDB's documentation says, where moto cannot be asked


@pytest.mark.parametrize(
    "request_",
    [
        {"UpdateExpression": "SET state = :v", "ExpressionAttributeValues": {":v": {"S": "x"}}},  # reserved
        {"UpdateExpression": "SET a = :v", "ExpressionAttributeValues": {}},  # undefined
        {"UpdateExpression": "REMOVE a", "ExpressionAttributeValues": {":v": {"S": "x"}}},  # unused
        {"UpdateExpression": "SET a = :v, a.b = :v", "ExpressionAttributeValues": {":v": {"S": "x"}}},  # overlapping
        {"UpdateExpression": "SET image_id = :v", "ExpressionAttributeValues": {":v": {"S": "x"}}},  # the key
        {"UpdateExpression": "SET a.b = :v", "ExpressionAttributeValues": {":v": {"S": "x"}}},  # no such map
    ],
)
def test_invalid_updates_are_refused(request_: dict[str, Any]) -> None:
    with pytest.raises(AwsError) as error:
        simulated().call("UpdateItem", {"TableName": "images", "Key": {"image_id": {"S": "a"}}, **request_})
    assert error.value.code == "ValidationException"


def test_items_expire() -> None:
    now = [START]
    dynamodb = SimulatedDynamoDB({"images": SimulatedTable("image_id", {}, "expires_at")}, lambda: now[0])
    expires = str(int(START.timestamp()) + 60)
    dynamodb.call("PutItem", {"TableName": "images", "Item": {"image_id": {"S": "a"}, "expires_at": {"N": expires}}})
    dynamodb.expire()
    assert dynamodb.tables["images"].items
    now[0] += timedelta(seconds=61)
    dynamodb.expire()
    assert not dynamodb.tables["images"].items


def test_an_eventually_consistent_read_may_return_the_former_state() -> None:
    now = [START]
    dynamodb = SimulatedDynamoDB({"images": SimulatedTable("image_id")}, lambda: now[0], lambda *_: True)
    key = {"TableName": "images", "Key": {"image_id": {"S": "a"}}}
    dynamodb.call("PutItem", {"TableName": "images", "Item": {"image_id": {"S": "a"}}})
    assert dynamodb.call("GetItem", key) == {}
    assert "Item" in dynamodb.call("GetItem", {**key, "ConsistentRead": True})
    now[0] += timedelta(seconds=1)
    assert "Item" in dynamodb.call("GetItem", key)
