"""Deployed lanes: their functions, current reservations, and the initial reservation of a new lane."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lambdas.core.settings import Settings
from lambdas.core.settings.lanes import LaneFunction
from operations.tuning.load import LaneNames
from operations.tuning.proposal import Change, Lane
from operations.tuning.reservations import ControlPlane, Reservations


@dataclass(frozen=True, slots=True)
class DeployedLanes:
    """The lanes of a stage, with the names of their queues and functions in AWS."""

    settings: Settings
    names: Mapping[str, LaneNames]

    @property
    def functions(self) -> list[str]:
        """The functions with a tuned reservation."""
        return [name for lane in self.tuned for name in self.names[lane].functions.values()]

    @property
    def tuned(self) -> list[str]:
        """The lanes with a reservation; the shared one may have none."""
        return [lane for lane in self.settings.lane_names if self.settings.reserved_concurrency(lane)]

    def current(self, reserved: Reservations, needs: Mapping[str, int | None]) -> dict[str, Lane]:
        """Return the lanes with their current reservations; a new lane counts with that of the settings."""
        return {lane: Lane(lane, self._reserved(lane, reserved), needs.get(lane)) for lane in self.names}

    def starting(self, reserved: Reservations) -> dict[str, int | None]:
        """Return ``reserved`` with the settings' reservation for new lanes, which are those without any."""
        wanted = dict(reserved)
        for lane in self.tuned:
            functions = self.names[lane].functions
            if all(reserved[name] is None for name in functions.values()):
                wanted |= self._shared_out(lane, sum(self.settings.reserved_concurrency(lane).values()))
        return wanted

    def wanted(self, changes: Sequence[Change], reserved: Reservations) -> dict[str, int | None]:
        """Return every function's reservation after ``changes``."""
        wanted = self.starting(reserved)
        for change in changes:
            if change.applies:
                wanted |= self._shared_out(change.lane, change.after)
        return wanted

    def totals(self, reserved: Reservations) -> dict[str, int | None]:
        """Return the sum of each tuned lane's reservations."""
        return {lane: self._reserved(lane, reserved) for lane in self.tuned}

    def _reserved(self, lane: str, reserved: Reservations) -> int | None:
        if lane not in self.tuned:
            return None
        found = [reserved[name] for name in self.names[lane].functions.values()]
        if all(executions is None for executions in found):
            return sum(self.settings.reserved_concurrency(lane).values())
        return sum(executions or 0 for executions in found)

    def _shared_out(self, lane: str, executions: int) -> dict[str, int | None]:
        functions: Mapping[LaneFunction, str] = self.names[lane].functions
        return {functions[name]: share for name, share in self.settings.lanes.share_out(executions).items()}


def lane_parameters(settings: Settings) -> list[str]:
    """Return the names of the published parameters that tuning needs."""
    return [
        name
        for lane in settings.lane_names
        for name in (_queue_parameter(lane), *(_function_parameter(lane, each) for each in settings.lanes.shares))
    ]


def deployed_lanes(settings: Settings, parameter: Callable[[str], str]) -> DeployedLanes:
    """Return the lanes of ``settings``; ``parameter`` returns a published value by its name."""
    names = {}
    for lane in settings.lane_names:
        functions = {name: parameter(_function_parameter(lane, name)) for name in settings.lanes.shares}
        names[lane] = LaneNames(parameter(_queue_parameter(lane)).rpartition("/")[2], functions)
    return DeployedLanes(settings, names)


def reserve_new(lanes: DeployedLanes, control: ControlPlane) -> dict[str, int | None]:
    """Set the settings' reservation of every new lane; return those lanes with their reservations.

    Raises:
        NotAppliedError, HalfAppliedError, ClientError: Lambda refused.
    """
    before = control.read(lanes.functions)
    wanted = lanes.starting(before)
    control.apply(wanted, before)
    new = [
        lane
        for lane in lanes.tuned
        if any(before[name] != wanted[name] for name in lanes.names[lane].functions.values())
    ]
    totals = lanes.totals(wanted)
    return {lane: totals[lane] for lane in new}


def _queue_parameter(lane: str) -> str:
    return f"lane-{lane}-queue-url"


def _function_parameter(lane: str, name: LaneFunction) -> str:
    return f"lane-{lane}-{name}-function"
