import json
from typing import Any

import pytest

from lambdas.core.s3_event import MalformedEventError, parse_record

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "111122223333",
    "time": "2026-11-23T17:58:04Z",
    "region": "us-east-1",
    "resources": ["arn:aws:s3:::originals"],
    "detail": {
        "version": "0",
        "bucket": {"name": "originals"},
        "object": {
            "key": "demo/2026-11-23/abc",
            "size": 5,
            "etag": "b1946ac92492d2347c6235b4d2611184",
            "sequencer": "0",
        },
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "reason": "PutObject",
    },
}


def record(event: Any) -> dict[str, Any]:
    return {"messageId": "1", "body": json.dumps(event), "attributes": {}, "eventSource": "aws:sqs"}


def with_object(**fields: Any) -> dict[str, Any]:
    return {**EVENT, "detail": {**EVENT["detail"], "object": {**EVENT["detail"]["object"], **fields}}}


def test_an_event_is_parsed() -> None:
    arrival = parse_record(record(EVENT))
    assert (arrival.bucket, arrival.key, arrival.size) == ("originals", "demo/2026-11-23/abc", 5)
    assert (arrival.etag, arrival.version_id) == ("b1946ac92492d2347c6235b4d2611184", None)


@pytest.mark.parametrize(
    ("fields", "attribute", "expected"),
    [
        ({"version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"}, "version_id", "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"),
        ({"version-id": "null"}, "version_id", None),
        ({"etag": '"abc"'}, "etag", "abc"),
        ({"key": "ünïcode/a b+c"}, "key", "ünïcode/a b+c"),
        ({"size": 0}, "size", 0),
    ],
)
def test_optional_fields_of_an_object(fields: dict[str, Any], attribute: str, expected: object) -> None:
    assert getattr(parse_record(record(with_object(**fields))), attribute) == expected


@pytest.mark.parametrize(
    ("received", "named"),
    [
        ({}, "body: Field required"),
        (None, "valid dictionary"),
        ([record(EVENT)], "valid dictionary"),
        ({"body": "poison"}, "body: Invalid JSON"),
        ({"body": "null"}, "body"),
        (record({}), "body.detail-type: Field required"),
        (record({**EVENT, "detail-type": "Object Deleted"}), "body.detail-type"),
        (record({**EVENT, "detail": {}}), "body.detail.bucket: Field required"),
        (record(with_object(size="many")), "body.detail.object.size"),
    ],
)
def test_malformed_events_are_rejected_by_field(received: Any, named: str) -> None:
    with pytest.raises(MalformedEventError, match="expected an SQS record of an S3 Object Created event") as refused:
        parse_record(received)
    assert named in str(refused.value)
