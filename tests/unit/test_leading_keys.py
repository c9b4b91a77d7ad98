"""The partition keys that a policy of DynamoDB's sees in a request, in the emulator too."""

from typing import Any

import pytest

from infra.local.emulator.fidelity import leading_keys

KEYS = {"images": "image_id", "log": "day"}
ONE, TWO = {"image_id": {"S": "a"}}, {"image_id": {"S": "b"}, "state": {"S": "ready"}}
DAY = {"day": {"N": "7"}, "hour": {"N": "1"}}


@pytest.mark.parametrize(
    ("request_body", "keys"),
    [
        ({"TableName": "images", "Key": ONE}, ["a"]),
        ({"TableName": "images", "Item": TWO}, ["b"]),
        ({"TableName": "log", "Key": DAY}, ["7"]),
        ({"RequestItems": {"images": {"Keys": [ONE, TWO]}, "log": {"Keys": [DAY]}}}, ["a", "b", "7"]),
        ({"RequestItems": {"images": [{"PutRequest": {"Item": TWO}}, {"DeleteRequest": {"Key": ONE}}]}}, ["b", "a"]),
        ({"TableName": "images", "Limit": 1}, []),
        ({"TableName": "unknown", "Key": ONE}, []),
    ],
)
def test_leading_keys_of_a_request(request_body: dict[str, Any], keys: list[str]) -> None:
    assert leading_keys(request_body, KEYS.get) == keys
