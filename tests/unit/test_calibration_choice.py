import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lambdas.core.settings.pictures import Calibration, Deliveries
from operations.calibration.choose import (
    SAME_COST,
    Point,
    UnreachableTargetError,
    at_target,
    cheapest,
    cheapest_set,
    lifetime_cost,
    lowest_quality,
)
from operations.costs.prices import PRICES as LISTED

PIXELS = 1_000_000.0
CALIBRATION = Calibration(
    target=70,
    stored_months=10,
    deliveries=Deliveries(avif=5, webp=1, jpeg=0),
)
PRICES = LISTED.model_copy(update={"lambda_gb_second": 0.00001, "stored_gb_month": 0.02, "delivered_gb": 0.1})


def point(quality: float, score: float, size: float = 100_000, cpu: float = 0.1) -> Point:
    return Point(quality, score, size, cpu, PIXELS)


CURVE = (point(40, 60, 10_000, 0.1), point(60, 70, 40_000, 0.3), point(80, 90, 160_000, 0.5))


@pytest.mark.parametrize(
    ("target", "quality", "size", "cpu"),
    [
        (60, 40, 10_000, 0.1),
        (65, 50, 20_000, 0.2),  # half way, and bytes half way by their logarithm
        (70, 60, 40_000, 0.3),
        (80, 70, 80_000, 0.4),
        (90, 80, 160_000, 0.5),
        (30, 40, 10_000, 0.1),  # below the curve: its lowest point, for nothing is known beyond it
    ],
)
def test_targets_between_measurements_are_interpolated(target: float, quality: float, size: float, cpu: float) -> None:
    found = at_target(CURVE, target)
    assert (found.quality, found.cpu_seconds) == pytest.approx((quality, cpu))
    assert found.bytes == pytest.approx(size)


def test_measurements_may_come_in_any_order() -> None:
    assert at_target(tuple(reversed(CURVE)), 65) == at_target(CURVE, 65)


def test_a_dip_in_the_scores_is_ignored() -> None:
    dipping = (point(40, 60), point(50, 66), point(60, 65), point(70, 75))
    assert at_target(dipping, 66).quality == 50
    assert 60 < at_target(dipping, 68).quality < 70


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        (CURVE, "expected a SSIMULACRA2 of 95 but received at most 90.0, at quality 80"),
        ((), "expected measurements to reach 95 but received none"),
    ],
)
def test_unreachable_targets_are_errors(curve: tuple[Point, ...], message: str) -> None:
    with pytest.raises(UnreachableTargetError, match=message):
        at_target(curve, 95)


def test_lifetime_cost_of_a_derivative() -> None:
    drawn = point(50, 70, size=100_000, cpu=0.5)
    drawing = 0.5 * 0.00001 * 1769 / 1024  # the memory that brings one vCPU
    storage, delivery = 0.0001 * 10 * 0.02, 0.0001 * 0.1
    costs = {fmt: lifetime_cost(drawn, fmt, CALIBRATION, PRICES) for fmt in ("avif", "webp", "jpeg")}
    assert costs == pytest.approx(
        {"avif": drawing + storage + 5 * delivery, "webp": drawing + storage + delivery, "jpeg": drawing + storage}
    )


def test_the_cheapest_candidate_at_the_target_is_chosen() -> None:
    curves = {
        "quick but large": (point(40, 60, 50_000, 0.01), point(80, 90, 200_000, 0.01)),
        "slow but small": (point(40, 60, 10_000, 9.0), point(80, 90, 40_000, 9.0)),
        "cheap but bad": (point(40, 10, 100, 0.001), point(80, 30, 200, 0.001)),
    }
    assert cheapest(curves, 75, lambda each: each.cpu_seconds)[0] == "quick but large"
    assert cheapest(curves, 75, lambda each: each.bytes)[0] == "slow but small"
    with pytest.raises(UnreachableTargetError, match=r"95 but received at most 90\.0.*the best of 3 candidates"):
        cheapest(curves, 95, lambda each: each.bytes)
    with pytest.raises(UnreachableTargetError, match="candidates to reach 95 but received none"):
        cheapest({}, 95, lambda each: each.bytes)


def test_among_equal_costs_the_least_cpu_is_chosen() -> None:
    curves = {
        "cheapest": (point(70, 70, 100_000, 0.5),),
        "as cheap": (point(70, 70, 100_400, 0.1),),
        "dearer": (point(70, 70, 100_600, 0.01),),
    }
    assert cheapest(curves, 70, lambda each: each.bytes)[0] == "as cheap"


scores = st.floats(0, 99)
curves = st.lists(
    st.builds(
        point,
        st.integers(1, 100),
        scores,
        st.floats(1_000, 1_000_000),
        st.floats(0.001, 10),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda each: each.quality,
)


@pytest.mark.slow
@given(st.dictionaries(st.text(max_size=3), curves, min_size=1, max_size=5), scores)
def test_the_choice_reaches_the_target_and_no_other_is_cheaper(named: dict[str, list[Point]], target: float) -> None:
    reaching = [name for name, curve in named.items() if max(each.ssimulacra2 for each in curve) >= target]
    assume(reaching)
    name, found = cheapest(named, target, lambda each: lifetime_cost(each, "avif", CALIBRATION, PRICES))
    assert name in reaching
    assert found.ssimulacra2 >= target
    least = min(lifetime_cost(at_target(named[each], target), "avif", CALIBRATION, PRICES) for each in reaching)
    assert lifetime_cost(found, "avif", CALIBRATION, PRICES) <= least * (1 + SAME_COST)


@given(curves, scores)
def test_interpolation_stays_within_the_measurements(curve: list[Point], target: float) -> None:
    assume(max(each.ssimulacra2 for each in curve) >= target)
    found = at_target(curve, target)
    for figure in ("quality", "bytes", "cpu_seconds"):
        measured = [getattr(each, figure) for each in curve]
        assert min(measured) * (1 - 1e-9) <= getattr(found, figure) <= max(measured) * (1 + 1e-9)


SETS = {
    "avif": {
        "quick": (point(50, 60, 30_000, 0.1), point(60, 80, 60_000, 0.1)),
        "small": (point(50, 60, 20_000, 0.9), point(60, 80, 40_000, 0.9)),
    },
    "jpeg": {
        "quick": (point(50, 60, 60_000, 0.01), point(60, 80, 120_000, 0.01)),
        "small": (point(50, 60, 50_000, 0.3), point(60, 80, 100_000, 0.3)),
    },
}


@pytest.mark.parametrize(
    ("limit", "chosen"),
    [
        (200_000, {"avif": "quick", "jpeg": "quick"}),
        (181_000, {"avif": "quick", "jpeg": "quick"}),
        (170_000, {"avif": "quick", "jpeg": "small"}),
        (145_000, {"avif": "small", "jpeg": "small"}),
    ],
)
def test_the_set_with_the_least_cpu_within_the_size_limit(limit: float, chosen: dict[str, str]) -> None:
    assert cheapest_set(SETS, {"avif": 80, "jpeg": 80}, limit) == chosen


def test_an_impossible_size_limit_is_an_error() -> None:
    with pytest.raises(UnreachableTargetError, match=r"of 100000 bytes in all formats together but received .* 140000"):
        cheapest_set(SETS, {"avif": 80, "jpeg": 80}, 100_000)
    with pytest.raises(UnreachableTargetError, match=r"of 81 but received at most 80\.0"):
        cheapest_set(SETS, {"avif": 80, "jpeg": 81}, math.inf)


@given(st.integers(1, 100), st.floats(0.2, 1.5), st.floats(-40, 30), st.floats(0, 99))
def test_the_lowest_quality_is_found_from_any_start(start: int, slope: float, offset: float, target: float) -> None:
    asked: list[int] = []

    def score(quality: int) -> float:
        asked.append(quality)
        return offset + slope * quality

    if offset + slope * 100 < target:
        with pytest.raises(UnreachableTargetError, match="at quality 100"):
            lowest_quality(score, target, start)
        return
    found = lowest_quality(score, target, start)
    assert offset + slope * found >= target
    assert found == 1 or offset + slope * (found - 1) < target
    assert len(asked) <= abs(found - start) + 2, "expected a score to be asked once for each step"
