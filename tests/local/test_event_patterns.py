"""The rules' patterns as EventBridge reads them: each original is for one lane, and nothing else is for any."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.constructs.lane.routing import event_pattern
from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.names import Names
from lambdas.core.settings.lanes import SHARED_LANE, TenantSettings

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


@pytest.mark.parametrize(
    ("key", "matches"),
    [("demo/x", True), ("acme/x", False), ("zenith/x", False), ("acme", True), ("zenithal/x", True)],
)
def test_a_list_of_prefixes_excludes_each(stack: LocalStack, key: str, matches: bool) -> None:
    tenants = {name: TenantSettings(lane="dedicated", reserved_concurrency=4) for name in ("acme", "zenith")}
    pattern = event_pattern("bucket", SHARED_LANE, stack.settings.model_copy(update={"tenants": tenants}))
    answer = stack.client("events").test_event_pattern(
        EventPattern=json.dumps(pattern), Event=json.dumps(created(key, "bucket"))
    )
    assert answer["Result"] == matches


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": "aws.s3"},
        *(
            {"source": [{"anything-but": but}]}
            for but in (
                [{"prefix": "a"}, {"prefix": "b"}],
                {"prefix": {"equals-ignore-case": "a"}},
                {"prefix": []},
                {"prefix": ""},
                {"prefix": ["a", 1]},
                {"prefix": "a", "suffix": "b"},
                {"numeric": [">", 1]},
            )
        ),
    ],
)
def test_a_pattern_that_eventbridge_refuses_is_refused(stack: LocalStack, pattern: dict[str, Any]) -> None:
    event = json.dumps(created("demo/key", "bucket"))
    with pytest.raises(ClientError, match="InvalidEventPattern"):
        stack.client("events").test_event_pattern(EventPattern=json.dumps(pattern), Event=event)
