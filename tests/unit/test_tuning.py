"""Shares and proposals: within budget and floors, independent of order, monotonic."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lambdas.core.settings.lanes import Lanes, Tuning
from operations.tuning.load import FunctionLoad, LaneLoad, needed
from operations.tuning.proposal import BudgetError, Claim, Lane, propose, share

TUNING, LANES = Tuning(), Lanes()
NAMES = st.sampled_from(["shared", "acme", "globex", "initech", "umbrella"])


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    least = draw(st.integers(0, 60))
    return Claim(draw(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0])), least, least + draw(st.integers(0, 200)))


@st.composite
def lanes(draw: st.DrawFn) -> dict[str, Lane]:
    found = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=5, unique=True)):
        reserved = None if name == "shared" else draw(st.integers(4, 300))
        found[name] = Lane(name, reserved, draw(st.none() | st.integers(0, 600)))
    return found


CLAIMS = st.dictionaries(NAMES, claims(), min_size=1, max_size=5)


@given(CLAIMS, st.integers(300, 1000))
def test_a_share_is_within_the_budget_and_between_least_and_most(wanted: dict[str, Claim], budget: int) -> None:
    shared = share(budget, wanted)
    assert sum(shared.values()) <= budget
    assert all(wanted[name].least <= executions <= wanted[name].most for name, executions in shared.items())
    # Everything that is wanted is given while there is some left.
    assert sum(shared.values()) == min(budget, sum(claim.most for claim in wanted.values()))


@given(CLAIMS, st.integers(300, 1000), st.randoms())
def test_the_order_of_claims_does_not_matter(wanted: dict[str, Claim], budget: int, random: object) -> None:
    names = list(wanted)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert share(budget, {name: wanted[name] for name in names}) == share(budget, wanted)


@given(CLAIMS, st.integers(300, 1000), st.integers(0, 200))
def test_allocation_is_monotonic(wanted: dict[str, Claim], budget: int, more: int) -> None:
    name = min(wanted)
    greedy = {**wanted, name: wanted[name]._replace(most=wanted[name].most + more)}
    before, after = share(budget, wanted), share(budget, greedy)
    assert after[name] >= before[name]
    assert all(after[other] <= before[other] for other in wanted if other != name)


@given(CLAIMS, st.integers(300, 1000))
def test_allocation_is_max_min_fair(wanted: dict[str, Claim], budget: int) -> None:
    shared = share(budget, wanted)
    for name, claim in wanted.items():
        if shared[name] == claim.most:
            continue
        for other, theirs in wanted.items():
            # A larger share is fair only if it is the other's minimum.
            fair = shared[other] / theirs.weight <= (shared[name] + 1) / claim.weight
            assert fair or shared[other] == theirs.least, (name, other)


def test_a_budget_below_the_minimums_is_refused() -> None:
    with pytest.raises(BudgetError, match="expected 16 executions at once, the least for 2 lanes, but there are 15"):
        share(15, {"a": Claim(1, 8, 9), "b": Claim(1, 8, 8)})


@given(lanes(), st.integers(60, 900))
def test_a_proposal_is_within_budget_floor_and_ceiling(found: dict[str, Lane], budget: int) -> None:
    changes = propose(found, budget, TUNING)
    assert sum(change.after for change in changes) <= budget
    assert all(TUNING.floor <= change.after <= TUNING.ceiling for change in changes)


@given(lanes(), st.integers(60, 900))
def test_a_proposal_changes_by_at_most_a_step(found: dict[str, Lane], budget: int) -> None:
    # A budget below what the lanes have, raised to the floor, is not limited by steps.
    assume(sum(max(lane.reserved or 0, TUNING.floor) for lane in found.values()) <= budget)
    for change in propose(found, budget, TUNING):
        if change.before is not None and TUNING.floor <= change.before <= TUNING.ceiling:
            step = max(TUNING.least_step, change.before * TUNING.max_step)
            assert abs(change.after - change.before) <= step


@given(lanes(), st.integers(60, 900), st.integers(0, 300))
def test_a_proposal_is_monotonic(found: dict[str, Lane], budget: int, more: int) -> None:
    name = min(found)
    need = found[name].need
    assume(need is not None)
    busier = {**found, name: replace(found[name], need=(need or 0) + more)}
    before, after = ({each.lane: each.after for each in propose(each, budget, TUNING)} for each in (found, busier))
    assert after[name] >= before[name]


@given(lanes(), st.integers(60, 900), st.randoms())
def test_the_order_of_lanes_does_not_matter(found: dict[str, Lane], budget: int, random: object) -> None:
    names = list(found)
    random.shuffle(names)  # type: ignore[attr-defined]
    shuffled = propose({name: found[name] for name in names}, budget, TUNING)
    assert {each.lane: each for each in shuffled} == {each.lane: each for each in propose(found, budget, TUNING)}


@pytest.mark.parametrize("need", [None, 48, 42, 54], ids=["not-known", "same", "a-little-less", "a-little-more"])
def test_an_unknown_or_nearly_equal_need_changes_nothing(need: int | None) -> None:
    (change,) = propose({"acme": Lane("acme", 48, need)}, 900, TUNING)
    assert (change.after, change.applies, change.moved) == (48, False, 0)


def load(pictures: float = 900, arrived: float = 900, backlog: float = 0) -> LaneLoad:
    seconds = {"validate": 0.1, "metadata": 0.5, "derive": 8.0, "record": 0.05}
    functions = {name: FunctionLoad(pictures, pictures * each, throttles=0, peak=1) for name, each in seconds.items()}
    return LaneLoad(900.0, arrived, backlog, 0.0, functions)  # type: ignore[arg-type]


def test_need_follows_littles_law() -> None:
    """One picture a second that takes 8 s to draw keeps 8 busy: 12 at 70 %, and the others' shares beside."""
    reserved = needed(load(), LANES, TUNING)
    assert reserved is not None
    shares = LANES.share_out(reserved)
    assert shares["derive"] == 12
    assert LANES.share_out(reserved - 1)["derive"] == 11


def test_a_backlog_increases_the_need() -> None:
    assert (needed(load(backlog=600), LANES, TUNING) or 0) > (needed(load(), LANES, TUNING) or 0)
    assert needed(load(pictures=0, arrived=0), LANES, TUNING) == 0


def test_need_is_unknown_if_nothing_is_done() -> None:
    assert needed(load(pictures=0, arrived=10), LANES, TUNING) is None


def test_need_is_at_most_the_ceiling() -> None:
    assert needed(load(pictures=9e5, arrived=9e5), LANES, TUNING) == TUNING.ceiling
