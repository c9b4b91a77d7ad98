"""What a lane did in a window, by its metrics, and how much concurrency it needs for that."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.core.settings.lanes import LaneFunction, Lanes, Tuning


@dataclass(frozen=True, slots=True)
class FunctionLoad:
    """One function in the window.

    ``invocations`` ended, ``busy_seconds`` is their duration together, ``throttles`` were turned away, ``peak`` ran at
    once.
    """

    invocations: float = 0
    busy_seconds: float = 0
    throttles: float = 0
    peak: float = 0


@dataclass(frozen=True, slots=True)
class LaneLoad:
    """A lane in a window of ``seconds``: messages that arrived, that wait now, and the age of the oldest."""

    seconds: float
    arrived: float
    backlog: float
    oldest_seconds: float
    functions: Mapping[LaneFunction, FunctionLoad]

    @property
    def pictures(self) -> float:
        """Pictures that got an outcome."""
        return self.functions["record"].invocations

    @property
    def throttles(self) -> float:
        """Executions that found no free place."""
        return sum(function.throttles for function in self.functions.values())

    @property
    def peak(self) -> float:
        """The most executions of all functions at once, as if their peaks fell together."""
        return sum(function.peak for function in self.functions.values())


def needed(load: LaneLoad, lanes: Lanes, tuning: Tuning) -> int | None:
    """Return the reservation with which ``load`` would have been carried, its backlog worked off in time.

    By Little's law: executions at once are the rate of pictures times the seconds that each takes. A lane that got
    nothing done although messages wait says nothing of that: None.
    """
    wanted = load.arrived / load.seconds + load.backlog / tuning.drain_seconds
    done = load.pictures / load.seconds
    if not wanted:
        return 0
    if not done:
        return None
    at_once = {
        name: function.busy_seconds / load.seconds * (wanted / done) / tuning.utilization
        for name, function in load.functions.items()
    }
    return _reservation(at_once, lanes, tuning.ceiling)


def _reservation(at_once: Mapping[LaneFunction, float], lanes: Lanes, ceiling: int) -> int:
    """Return the smallest reservation whose shares are enough for every function, or ``ceiling``."""
    least = max(len(lanes.shares), math.ceil(sum(at_once.values())))
    for reserved in range(least, ceiling):
        shared_out = lanes.share_out(reserved)
        if all(shared_out[name] >= needs for name, needs in at_once.items()):
            return reserved
    return ceiling
