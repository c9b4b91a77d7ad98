import itertools

import pytest
import pyvips
from pictures import corners

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.deadline import Deadline, OutOfTimeError
from lambdas.imaging.decode import decode
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import inspect
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render

SETTINGS = load_settings()


class Ticking:
    """A clock on which ``step`` seconds pass every time that it is read."""

    def __init__(self, step: float = 1) -> None:
        self._step = step
        self.reads = 0

    def __call__(self) -> float:
        self.reads += 1
        return self.reads * self._step


def by_cpu_time(seconds: float, clock: Ticking) -> Deadline:
    return Deadline(seconds, cpu_clock=clock)


def by_the_clock(seconds: float, clock: Ticking) -> Deadline:
    return Deadline(1000, seconds, cpu_clock=lambda: 0, wall_clock=clock)


def test_no_step_starts_after_the_cpu_time_is_used_up() -> None:
    deadline = by_cpu_time(2, Ticking())  # read once when made
    deadline.check()
    deadline.check()
    with pytest.raises(RejectedError, match="expected a picture drawn within 2 s of CPU time") as refused:
        deadline.check()
    assert refused.value.code == "too_costly"


def test_a_passed_wall_clock_limit_is_no_rejection() -> None:
    deadline = by_the_clock(1, Ticking())
    deadline.check()
    with pytest.raises(OutOfTimeError, match=r"within the 1\.0 s that were left"):
        deadline.check()


@pytest.mark.parametrize(("deadline", "error"), [(by_cpu_time, RejectedError), (by_the_clock, OutOfTimeError)])
def test_overdue_decode_is_stopped_between_strips(deadline, error) -> None:
    original = pyvips.Image.black(6000, 6000, bands=3).copy(interpretation="srgb").pngsave_buffer()
    clock = Ticking()
    with pytest.raises(error):
        decode(original, inspect(original, SETTINGS.limits), Size(3000, 3000), deadline(5, clock))
    assert clock.reads > 6, "expected the clock to be read while pixels are computed, not only before"
    assert clock.reads < 30, "expected the work to stop at the first strip that is overdue"
    assert list(render(corners().jpegsave_buffer(), [Variant(256, 0, "avif")], SETTINGS))


def test_a_busy_machine_rejects_nothing() -> None:
    """Hours pass by the clock, but little CPU time."""
    hours = itertools.count(0, 3600).__next__
    original = corners(600, 400).pngsave_buffer()
    deadline = Deadline(30, wall_clock=hours)
    pixels = decode(original, inspect(original, SETTINGS.limits), Size(300, 200), deadline)
    assert (pixels.width, pixels.height) == (300, 200)


def test_work_within_the_deadline_is_done() -> None:
    original = corners(600, 400).pngsave_buffer()
    deadline = by_cpu_time(1000, Ticking())
    pixels = decode(original, inspect(original, SETTINGS.limits), Size(300, 200), deadline)
    assert (pixels.width, pixels.height) == (300, 200)
