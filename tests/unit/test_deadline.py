import itertools

import pytest
import pyvips
from pictures import corners

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.decode import decode
from lambdas.imaging.geometry import Size
from lambdas.imaging.inspect import inspect
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render

SETTINGS = load_settings()


def ticking(step: float = 1):
    """Return a clock on which ``step`` seconds pass every time that it is read."""
    return itertools.count(0, step).__next__


def test_no_step_starts_after_the_deadline() -> None:
    deadline = Deadline(2, ticking())  # read once when made
    deadline.check()
    deadline.check()
    with pytest.raises(RejectedError, match="expected the picture drawn within 2 s") as refused:
        deadline.check()
    assert refused.value.code == "decode_timeout"


def test_overdue_decode_is_stopped_between_strips() -> None:
    original = pyvips.Image.black(6000, 6000, bands=3).copy(interpretation="srgb").pngsave_buffer()
    reads = 0

    def clock() -> float:
        nonlocal reads
        reads += 1
        return float(reads)

    with pytest.raises(RejectedError) as refused:
        decode(original, inspect(original, SETTINGS.limits), Size(3000, 3000), Deadline(5, clock))
    assert refused.value.code == "decode_timeout"
    assert reads > 6, "expected the clock to be read while pixels are computed, not only before"
    assert reads < 30, "expected the work to stop at the first strip that is overdue"
    assert list(render(corners().jpegsave_buffer(), [Variant(256, 0, "avif")], SETTINGS))


def test_work_within_the_deadline_is_done() -> None:
    original = corners(600, 400).pngsave_buffer()
    pixels = decode(original, inspect(original, SETTINGS.limits), Size(300, 200), Deadline(1000, ticking()))
    assert (pixels.width, pixels.height) == (300, 200)
