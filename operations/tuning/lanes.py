"""Lanes as they are deployed: what of theirs is tuned, and the reservation that a new one begins with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lambdas.core.settings import Settings
from lambdas.core.settings.lanes import LaneFunction
from operations.tuning.measurements import LaneNames
from operations.tuning.proposal import Change, Lane
from operations.tuning.reservations import ControlPlane, Reservations


@dataclass(frozen=True, slots=True)
class DeployedLanes:
    """Every lane of a stage, with the names of its queue and functions in AWS."""

    settings: Settings
    names: Mapping[str, LaneNames]

    @property
    def functions(self) -> list[str]:
        """The functions of every lane whose reservation is tuned."""
        return [name for lane in self.tuned for name in self.names[lane].functions.values()]

    @property
    def tuned(self) -> list[str]:
        """The lanes with a reservation; the shared one has none unless the settings give it one."""
        return [lane for lane in self.settings.lane_names if self.settings.reserved_concurrency(lane)]

    def current(self, reserved: Reservations, needs: Mapping[str, int | None]) -> dict[str, Lane]:
        """Return the lanes as Lambda has them; one without a reservation yet counts with that of the settings."""
        return {lane: Lane(lane, self._reserved(lane, reserved), needs.get(lane)) for lane in self.names}

    def starting(self, reserved: Reservations) -> dict[str, int | None]:
        """Return what to reserve for new lanes, those of which no function has a reservation: the settings' share."""
        wanted = dict(reserved)
        for lane in self.tuned:
            functions = self.names[lane].functions
            if all(reserved[name] is None for name in functions.values()):
                wanted |= self._shared_out(lane, sum(self.settings.reserved_concurrency(lane).values()))
        return wanted

    def wanted(self, changes: Sequence[Change], reserved: Reservations) -> dict[str, int | None]:
        """Return what every function is to reserve after ``changes``; lanes that do not change keep what they have."""
        wanted = self.starting(reserved)
        for change in changes:
            if change.applies:
                wanted |= self._shared_out(change.lane, change.after)
        return wanted

    def totals(self, reserved: Reservations) -> dict[str, int | None]:
        """Return what each tuned lane reserves in all."""
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


def things_of_lanes(settings: Settings) -> list[str]:
    """Return what the lanes' stacks publish that tuning needs."""
    return [
        thing
        for lane in settings.lane_names
        for thing in (_queue_thing(lane), *(_function_thing(lane, name) for name in settings.lanes.shares))
    ]


def deployed_lanes(settings: Settings, parameter: Callable[[str], str]) -> DeployedLanes:
    """Return the lanes of ``settings``; ``parameter`` gives what the stacks published as a thing."""
    names = {}
    for lane in settings.lane_names:
        functions = {name: parameter(_function_thing(lane, name)) for name in settings.lanes.shares}
        names[lane] = LaneNames(parameter(_queue_thing(lane)).rpartition("/")[2], functions)
    return DeployedLanes(settings, names)


def reserve_new(lanes: DeployedLanes, control: ControlPlane) -> dict[str, int | None]:
    """Reserve for every new lane what the settings say; return those lanes with their reservations.

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


def _queue_thing(lane: str) -> str:
    return f"lane-{lane}-queue-url"


def _function_thing(lane: str, name: LaneFunction) -> str:
    return f"lane-{lane}-{name}-function"
