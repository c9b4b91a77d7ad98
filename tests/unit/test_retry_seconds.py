"""How long the local stack's state machines wait between tries."""

import statistics

import pytest

from infra.local.emulator.step_functions import retry_seconds


@pytest.mark.parametrize(
    ("retrier", "expected"),
    [
        ({}, [1, 2, 4, 8]),
        ({"IntervalSeconds": 3, "BackoffRate": 1.5}, [3, 4.5, 6.75, 10.125]),
        ({"IntervalSeconds": 1, "BackoffRate": 4, "MaxDelaySeconds": 20}, [1, 4, 16, 20]),
        ({"IntervalSeconds": 5, "JitterStrategy": "NONE", "MaxDelaySeconds": 4}, [4, 4, 4, 4]),
    ],
)
def test_waits_grow_to_their_limit(retrier: dict[str, object], expected: list[float]) -> None:
    assert [retry_seconds(retrier, retries) for retries in range(4)] == expected


def test_full_jitter_waits_anything_up_to_that() -> None:
    retrier = {"IntervalSeconds": 10, "MaxDelaySeconds": 15, "JitterStrategy": "FULL"}
    waits = [retry_seconds(retrier, 3) for _ in range(2000)]
    assert 0 <= min(waits) < 1
    assert 14 < max(waits) <= 15
    assert 7 < statistics.mean(waits) < 8
