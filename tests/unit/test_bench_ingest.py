from pathlib import Path

import pytest

from tests.bench.ingest import neighbours, throughput
from tests.bench.ingest.benchmark import neighbours_line
from tests.bench.ingest.neighbours import BURST, QUIET, ROUNDS, Neighbours
from tests.bench.ingest.throughput import Compared

pytestmark = pytest.mark.extra


class _Intake:
    """An intake whose pictures are ready after a time that is written beforehand."""

    def __init__(self, tenant: str, seconds: list[float], left: int = 0) -> None:
        self.tenant = tenant
        self._seconds, self._left, self.awaited = iter(seconds), left, 0

    def seconds(self, photographs: list[Path]) -> float:
        assert photographs
        return next(self._seconds)

    def put(self, photographs: list[Path]) -> list[str]:
        return [str(number) for number, _ in enumerate(photographs)]

    def ready(self, image_ids: list[str]) -> int:
        return len(image_ids) - self._left

    def await_ready(self, image_ids: list[str]) -> None:
        self.awaited = len(image_ids)


@pytest.mark.parametrize(
    ("bare", "pipeline", "expected"),
    [
        ([1.0], [2.0], 0.5),
        ([1.0, 1.0, 1.0], [1.25, 10.0, 1.0], 0.8),  # one disturbed round decides nothing
        ([3.0, 2.0], [4.0, 4.0], 0.625),
    ],
)
def test_the_pipelines_share_is_the_median_of_pairs(bare: list[float], pipeline: list[float], expected: float) -> None:
    assert Compared("large", 14, bare, pipeline).ratio == expected


def test_both_ways_are_timed_turn_by_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    intake = _Intake("demo", [4.0] * throughput.ROUNDS)
    monkeypatch.setattr(throughput, "bare_seconds", lambda _photographs: turns.append("bare") or 3.0)
    monkeypatch.setattr(_Intake, "seconds", lambda _self, _photographs: turns.append("pipeline") or 4.0)

    [compared] = throughput.compare(intake, {"large": [Path("a.jpg")]})

    assert turns == ["bare", "pipeline"] * throughput.ROUNDS
    assert (compared.photographs, compared.ratio) == (1, 0.75)


def test_a_neighbours_ratio_is_that_of_medians() -> None:
    disturbed = Neighbours(alone_seconds=[2.0, 2.2, 9.0], beside_seconds=[3.3, 2.0, 4.0], burst_left=5)
    assert disturbed.ratio == pytest.approx(1.5)
    assert "alone in 2.0 s" in neighbours_line(disturbed)


def test_a_burst_that_outlasts_the_quiet_tenant_is_waited_for() -> None:
    quiet, noisy = _Intake("studio", [1.0] * 2 * ROUNDS), _Intake("demo", [], left=7)
    disturbed = neighbours.measure(quiet, noisy, [Path("a.jpg")])
    assert (disturbed.ratio, disturbed.burst_left, noisy.awaited) == (1.0, 7, BURST)
    assert QUIET < BURST


def test_a_burst_that_is_over_too_soon_measures_nothing() -> None:
    with pytest.raises(RuntimeError, match=f"expected a burst of {BURST} to outlast"):
        neighbours.measure(_Intake("studio", [1.0] * 2 * ROUNDS), _Intake("demo", [], left=0), [Path("a.jpg")])
