"""What each lane is to have: its need, held to floor, ceiling and step, and shared fairly where there is not enough."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.core.settings.lanes import Tuning
from operations.tuning.fairness import Claim, share


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane as it is.

    ``reserved`` is None for one without a reservation, which takes what nobody reserved; ``need`` is None where its
    metrics do not say.
    """

    name: str
    reserved: int | None
    need: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a lane has, needs and is to have; ``after`` of a lane without a reservation is what is left for it."""

    lane: str
    before: int | None
    need: int | None
    after: int

    @property
    def applies(self) -> bool:
        """Whether anything is to be changed for it."""
        return self.before is not None and self.after != self.before

    @property
    def moved(self) -> int:
        """Executions by which it changes."""
        return abs(self.after - self.before) if self.before is not None else 0


def propose(lanes: Mapping[str, Lane], budget: int, tuning: Tuning) -> list[Change]:
    """Return what every lane is to have, in the lanes' order; together never more than ``budget``.

    A lane whose need is not known keeps what it has, and so does one whose need differs by less than the hysteresis.

    Raises:
        BudgetError: the floors alone are more than the budget.
    """
    unreserved = max(0, budget - sum(lane.reserved or 0 for lane in lanes.values()))
    claims = {name: _claim(lane, unreserved, tuning) for name, lane in lanes.items()}
    if sum(claim.least for claim in claims.values()) > budget:
        # Less than before is to be had: no step is too large to get there.
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
