"""What a change of reservations did: a lane's throughput while it had work, before and after."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean

from operations.tuning.record import Tuning
from operations.tuning.series import LanePoint


@dataclass(frozen=True, slots=True)
class Effect:
    """One lane at one change; ``done`` are pictures a minute while there was work, None where there was none."""

    lane: str
    at: datetime
    reserved_before: int
    reserved_after: int
    done_before: float | None
    done_after: float | None
    backlog_before: float
    backlog_after: float
    reverts: bool


def effects(
    points: Iterable[LanePoint], tunings: Iterable[Tuning], *, period_seconds: int = 60, minutes: float = 10
) -> list[Effect]:
    """Return the effect of every tuning that was applied, on every lane that it changed, in order of time.

    Args:
        points: the lanes' metrics.
        tunings: of which some may not have been applied.
        period_seconds: of the points.
        minutes: that are compared, before a change and after it, and never beyond the lane's next change.
    """
    applied = [each for each in tunings if each.state == "applied"]
    every = list(points)
    found = []
    for tuning in applied:
        for lane, change in tuning.lanes.items():
            if change.before is None or change.before == change.after:
                continue
            moments = sorted(each.at for each in applied if lane in each.lanes)
            reach = timedelta(minutes=minutes)
            start = max([tuning.at - reach, *(at for at in moments if at < tuning.at)])
            end = min([tuning.at + reach, *(at for at in moments if at > tuning.at)])
            own = [point for point in every if point.lane == lane]
            period = timedelta(seconds=period_seconds)
            before = [point for point in own if start <= point.at and point.at + period <= tuning.at]
            after = [point for point in own if tuning.at <= point.at and point.at + period <= end]
            found.append(
                Effect(
                    lane=lane,
                    at=tuning.at,
                    reserved_before=change.before,
                    reserved_after=change.after,
                    done_before=_throughput(before, period_seconds),
                    done_after=_throughput(after, period_seconds),
                    backlog_before=max((point.backlog for point in before), default=0.0),
                    backlog_after=max((point.backlog for point in after), default=0.0),
                    reverts=tuning.reverts is not None,
                )
            )
    return found


def _throughput(points: Sequence[LanePoint], period_seconds: int) -> float | None:
    """Return the pictures a minute of the points that had work."""
    busy = [point.done for point in points if point.done or point.backlog]
    return fmean(busy) * 60 / period_seconds if busy else None
