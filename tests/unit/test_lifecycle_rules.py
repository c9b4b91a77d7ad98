"""Lifecycle rules as S3 applies them: what goes at which age."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.lifecycle import LifecycleError, Rule, is_due, parse_versions

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "days", "now", "expected"),
    [
        (NOON, None, NOON + timedelta(days=9999), False),
        (NOON, 1, datetime(2026, 11, 2, 12, tzinfo=UTC), False),
        (NOON, 1, datetime(2026, 11, 2, 23, 59, 59, tzinfo=UTC), False),
        (NOON, 1, datetime(2026, 11, 3, tzinfo=UTC), True),
        (NOON, 30, datetime(2026, 12, 1, 23, tzinfo=UTC), False),
        (NOON, 30, datetime(2026, 12, 2, tzinfo=UTC), True),
    ],
)
def test_ages_are_rounded_up_to_midnight(since: datetime, days: int | None, now: datetime, expected: bool) -> None:
    assert is_due(since, days, now) is expected


def version(key: str, day: int, *, latest: bool = False, size: int | None = 10) -> dict[str, Any]:
    listed = {"Key": key, "VersionId": f"v{day}", "IsLatest": latest, "LastModified": NOON + timedelta(days=day)}
    return listed if size is None else {**listed, "Size": size}  # a delete marker has no size


HISTORY = [
    version("a", 3, latest=True),
    version("a", 1),
    version("a", 2, size=None),
    version("b", 1, latest=True, size=None),
    version("c", 4, latest=True, size=None),
    version("c", 0, size=5000),
]
EXPIRY = {"Expiration": {"Days": 7}}
OLD = {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}}
MARKERS = {"Expiration": {"ExpiredObjectDeleteMarker": True}}


@pytest.mark.parametrize(
    ("rule", "day", "removed", "expired"),
    [
        (OLD, 31, [], []),
        (OLD, 33, ["a v1"], []),
        (OLD, 34, ["a v1", "a v2"], []),
        (OLD, 35, ["a v1", "a v2", "c v0"], []),
        (MARKERS, 0, ["b v1"], []),
        ({**OLD, **MARKERS}, 33, ["a v1", "b v1"], []),
        (EXPIRY, 10, [], []),
        (EXPIRY, 11, [], ["a v3"]),
        ({**EXPIRY, "Filter": {"Prefix": "b"}}, 99, [], []),
        ({**OLD, "Filter": {"Prefix": "c"}}, 99, ["c v0"], []),
        ({**OLD, "Prefix": "c"}, 99, ["c v0"], []),
        ({**OLD, "Filter": {"ObjectSizeGreaterThan": 10}}, 99, ["a v2", "c v0"], []),
        ({**OLD, "Filter": {"And": {"Prefix": "c", "ObjectSizeLessThan": 5000}}}, 99, [], []),
        ({**OLD, "Filter": {"And": {"Prefix": "c", "ObjectSizeLessThan": 5001}}}, 99, ["c v0"], []),
        ({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}, 99, [], []),
    ],
)
def test_what_goes_by_a_rule(rule: dict[str, Any], day: int, removed: list[str], expired: list[str]) -> None:
    now = (NOON + timedelta(days=day)).replace(hour=0)
    parsed, versions = Rule.parse(rule), parse_versions(HISTORY)
    assert sorted(f"{each.key} {each.version_id}" for each in versions if parsed.removes(each, now)) == removed
    assert sorted(f"{each.key} {each.version_id}" for each in versions if parsed.expires(each, now)) == expired


@pytest.mark.parametrize(
    "rule",
    [
        {"Filter": {"Tag": {"Key": "k", "Value": "v"}}},
        {"Filter": {"And": {"Prefix": "", "Tags": []}}},
        {"Expiration": {"Date": NOON}},
        {"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}},
    ],
)
def test_a_rule_that_is_not_covered_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(LifecycleError, match=r"^expected a rule without .* but received rule-1$"):
        Rule.parse({"ID": "rule-1", **rule})
