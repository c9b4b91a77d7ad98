"""The effect of a change of reservations, by a lane's metrics."""

from datetime import UTC, datetime, timedelta

from operations.tuning.effect import LanePoint, effects
from operations.tuning.history import LaneTuning, TuningRecord, last_in_effect

START = datetime(2026, 11, 25, 12, tzinfo=UTC)


def tuning(minute: int, before: int, after: int, state: str = "applied", reverts: str | None = None) -> TuningRecord:
    return TuningRecord(
        name=f"t{minute}",
        at=START + timedelta(minutes=minute),
        run="run",
        state=state,  # type: ignore[arg-type]  # one of its values
        lanes={"acme": LaneTuning(before=before, after=after)},
        before={},
        after={},
        reverts=reverts,
    )


def point(minute: int, done: float, backlog: float = 0, lane: str = "acme") -> LanePoint:
    return LanePoint(lane, START + timedelta(minutes=minute), done=done, backlog=backlog)


def test_throughput_is_the_mean_of_minutes_with_work() -> None:
    points = [
        point(0, done=10, backlog=50),
        point(1, done=12, backlog=60),
        point(2, done=0),  # idle minutes do not count
        point(3, done=30, backlog=20),
        point(4, done=34),
        point(6, done=11, backlog=5),
        point(6, done=99, lane="globex"),
    ]
    up, down = effects(points, [tuning(3, 8, 24), tuning(5, 24, 8, reverts="t3"), tuning(6, 8, 9, "rolled back")])
    assert (up.reserved_before, up.reserved_after, up.reverts) == (8, 24, False)
    assert (up.done_before, up.done_after) == (11, 32)
    assert (up.backlog_before, up.backlog_after) == (60, 20)
    assert (down.done_before, down.done_after, down.reverts) == (32, 11, True)


def test_a_lane_without_work_has_no_throughput() -> None:
    (effect,) = effects([], [tuning(3, 8, 24)])
    assert (effect.done_before, effect.done_after) == (None, None)


def test_the_last_change_in_effect_is_reverted() -> None:
    first, second = tuning(1, 8, 12), tuning(2, 12, 18)
    undone, rolled_back = tuning(3, 18, 12, reverts="t2"), tuning(4, 12, 20, "rolled back")
    assert last_in_effect([first, second]) == second
    assert last_in_effect([first, second, undone, rolled_back]) == first
    interrupted = tuning(5, 12, 16, "applying")
    assert last_in_effect([first, second, undone, interrupted]) == interrupted
    assert last_in_effect([first, undone.model_copy(update={"reverts": "t1"})]) is None
    assert last_in_effect([]) is None
