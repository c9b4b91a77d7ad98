"""Weighted max-min fairness in whole executions: nobody gets more while somebody with less still wants some."""

import heapq
from collections.abc import Mapping
from typing import NamedTuple


class BudgetError(ValueError):
    """There is not enough even for what every lane must have: the message says how much, and how to mend it."""


class Claim(NamedTuple):
    """What a lane must have, and what it wants at most; ``weight`` is how much it counts."""

    weight: float
    least: int
    most: int


def share(budget: int, claims: Mapping[str, Claim]) -> dict[str, int]:
    """Divide ``budget`` executions: first what each lane must have, then one by one to whom has least for its weight.

    Never more than the budget, never less than a lane must have, nothing to whom wants no more. The order of the
    claims does not matter, and whoever wants more never gets less for it.

    Raises:
        BudgetError: the lanes must have more than there is.
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
