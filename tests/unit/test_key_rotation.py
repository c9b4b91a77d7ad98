"""What is due with image-token keys, by their age."""

from datetime import UTC, datetime, timedelta

import pytest
from operations.keys.keyrings import KeyState, due

CHANGED = datetime(2026, 11, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("others", "age", "action", "why"),
    [
        ([], timedelta(days=1), "nothing", "new signs until it is 90 days old, on 2027-01-30"),
        ([], timedelta(days=90), "rotate", "new has signed since 2026-11-01"),
        (["old"], timedelta(hours=23), "nothing", "old can be retired from 2026-11-02 06:00 UTC on"),
        (["old"], timedelta(days=1), "retire", "no token of old is valid any more"),
        (["old"], timedelta(days=200), "retire", "no token of old is valid any more"),
    ],
    ids=["young", "old", "overlapping", "overlap-over", "old-key-before-a-new-one"],
)
def test_what_is_due(others: list[str], age: timedelta, action: str, why: str) -> None:
    state = KeyState("new", others, CHANGED, CHANGED + timedelta(days=1))
    assert due(state, CHANGED + age, key_days=90) == (action, why)
