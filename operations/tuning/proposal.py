"""The proposed reservation of each lane: its need within floor, ceiling and step, and a fair share of the budget."""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lambdas.core.settings.lanes import Tuning


class BudgetError(ValueError):
    """The budget is smaller than the sum of the minimums; the message says by how much, and what to change."""


class WrongEditError(ValueError):
    """Edited numbers cannot be applied; the message says which and why."""


class Claim(NamedTuple):
    """The executions that a lane needs at least and wants at most, and its weight."""

    weight: float
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane's current state.

    ``reserved`` is None for a lane without a reservation, which uses the unreserved concurrency; ``need`` is None if
    its metrics do not say.
    """

    name: str
    reserved: int | None
    need: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """A lane's reservation before and after; without a reservation, ``after`` is its share of what is left."""

    lane: str
    before: int | None
    need: int | None
    after: int

    @property
    def applies(self) -> bool:
        """Whether the reservation changes."""
        return self.before is not None and self.after != self.before

    @property
    def moved(self) -> int:
        """Number of executions by which it changes."""
        return abs(self.after - self.before) if self.before is not None else 0


def share(budget: int, claims: Mapping[str, Claim]) -> dict[str, int]:
    """Divide ``budget`` executions by weighted max-min fairness.

    Every lane gets its minimum; the rest is given one by one to the lane with the least for its weight that still wants
    more. The result does not depend on the order of the claims and is monotonic: a larger claim never gets less.

    Raises:
        BudgetError: the minimums exceed the budget.
    """
    given = {name: claim.least for name, claim in claims.items()}
    left = budget - sum(given.values())
    if left < 0:
        raise BudgetError(
            f"expected {sum(given.values())} executions at once, the least for {len(claims)} lanes, but there are"
            f" {budget}: raise Lambda's quota and lanes.account_concurrency, or lower tuning.floor"
        )
    wanting = [((given[name] + 1) / claim.weight, name) for name, claim in claims.items() if given[name] < claim.most]
    heapq.heapify(wanting)
    while left and wanting:
        _, name = heapq.heappop(wanting)
        given[name] += 1
        left -= 1
        if given[name] < claims[name].most:
            heapq.heappush(wanting, ((given[name] + 1) / claims[name].weight, name))
    return given


def propose(lanes: Mapping[str, Lane], budget: int, tuning: Tuning) -> list[Change]:
    """Return the proposal for every lane, in order; their sum is at most ``budget``.

    A lane with an unknown need, or a need within the hysteresis, keeps its reservation.

    Raises:
        BudgetError: the floors exceed the budget.
    """
    unreserved = max(0, budget - sum(lane.reserved or 0 for lane in lanes.values()))
    claims = {name: _claim(lane, unreserved, tuning) for name, lane in lanes.items()}
    if sum(claim.least for claim in claims.values()) > budget:
        # The budget has shrunk: steps do not limit the way down.
        claims = {name: claim._replace(least=tuning.floor) for name, claim in claims.items()}
    given = share(budget, claims)
    return [Change(name, lane.reserved, lane.need, given[name]) for name, lane in lanes.items()]


def _claim(lane: Lane, unreserved: int, tuning: Tuning) -> Claim:
    weight = tuning.weight(lane.name)
    if lane.reserved is None:
        most = _within(unreserved if lane.need is None else lane.need, tuning.floor, tuning.ceiling)
        return Claim(weight, tuning.floor, most)
    step = max(tuning.least_step, math.floor(lane.reserved * tuning.max_step))
    lowest = _within(lane.reserved - step, tuning.floor, tuning.ceiling)
    highest = _within(lane.reserved + step, tuning.floor, tuning.ceiling)
    kept = _within(lane.reserved, tuning.floor, tuning.ceiling)
    if lane.need is None:
        return Claim(weight, kept, kept)
    close = abs(lane.need - lane.reserved) < tuning.hysteresis * lane.reserved
    wanted = kept if close else _within(lane.need, lowest, highest)
    return Claim(weight, min(lowest, wanted), wanted)


def _within(value: int, lowest: int, highest: int) -> int:
    return max(lowest, min(highest, value))


def edit(changes: Sequence[Change], numbers: Mapping[str, int], budget: int, tuning: Tuning) -> list[Change]:
    """Return the proposal with the reservations of ``numbers``, by lane.

    Raises:
        WrongEditError: a number is outside floor and ceiling, or their sum exceeds the budget.
    """
    for lane, number in numbers.items():
        if not tuning.floor <= number <= tuning.ceiling:
            raise WrongEditError(
                f"expected {tuning.floor} to {tuning.ceiling} executions at once for {lane} but received {number};"
                " nothing was changed"
            )
    if sum(numbers.values()) > budget:
        raise WrongEditError(
            f"expected at most {budget} executions at once for all lanes but received {sum(numbers.values())};"
            " nothing was changed"
        )
    return [Change(each.lane, each.before, each.need, numbers.get(each.lane, each.after)) for each in changes]
