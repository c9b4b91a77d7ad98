"""The rules' patterns as EventBridge reads them: each original is for one lane, and nothing else is for any."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.names import Names

EVENT = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "account": ACCOUNT,
    "time": "2026-11-25T00:00:00Z",
    "region": "us-east-1",
    "resources": [],
}


def created(key: str, bucket: str, kind: str = "Object Created", source: str = "aws.s3") -> dict[str, Any]:
    return {
        **EVENT,
        "source": source,
        "detail-type": kind,
        "detail": {"bucket": {"name": bucket}, "object": {"key": key}},
    }


def lanes_of(event: dict[str, Any], stack: LocalStack) -> set[str]:
    """Return the lanes whose deployed rule fits ``event``."""
    events, names = stack.client("events"), Names(stack.settings, ACCOUNT)
    patterns = {
        lane: events.describe_rule(Name=names.of(f"{lane}-originals"))["EventPattern"]
        for lane in stack.settings.lane_names
    }
    return {
        lane
        for lane, pattern in patterns.items()
        if events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"]
    }


@pytest.mark.parametrize(
    ("key", "lane"),
    [
        ("demo/2026-11-25/00000000000000000000000000000000", "shared"),
        ("studio/2026-11-25/00000000000000000000000000000000", "studio"),
        ("studio-of-another/2026-11-25/00000000000000000000000000000000", "shared"),
        ("stray", "shared"),
    ],
)
def test_an_original_is_for_one_lane(stack: LocalStack, key: str, lane: str) -> None:
    assert lanes_of(created(key, stack.parameter("originals-bucket")), stack) == {lane}


def test_other_events_match_no_lane(stack: LocalStack) -> None:
    key, originals = "demo/2026-11-25/00000000000000000000000000000000", stack.parameter("originals-bucket")
    assert lanes_of(created(key, stack.parameter("derivatives-bucket")), stack) == set()
    assert lanes_of(created(key, originals, kind="Object Deleted"), stack) == set()
    assert lanes_of(created(key, originals, source="somebody.else"), stack) == set()


def test_a_malformed_pattern_is_refused(stack: LocalStack) -> None:
    event = json.dumps(created("demo/key", "bucket"))
    with pytest.raises(ClientError, match="InvalidEventPattern"):
        stack.client("events").test_event_pattern(EventPattern='{"source": "aws.s3"}', Event=event)
