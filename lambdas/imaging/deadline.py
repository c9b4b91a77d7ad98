"""A deadline that libvips observes: an overdue picture is stopped and the process lives on.

It is checked between steps and, while pixels are computed, at each strip of them. A codec that works
on a whole frame in one call cannot be interrupted; the limits on pixels bound what that takes.
"""

import time
from collections.abc import Callable

from lambdas.imaging.engine import pyvips
from lambdas.imaging.rejection import RejectedError


class Deadline:
    """The moment by which a picture must be done, ``seconds`` from now."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    @property
    def passed(self) -> bool:
        """Whether the deadline has passed."""
        return self._clock() > self._end

    def check(self) -> None:
        """Return if there is time left.

        Raises:
            RejectedError: ``decode_timeout``.
        """
        if self.passed:
            raise RejectedError("decode_timeout", f"expected the picture drawn within {self.seconds:g} s")

    def compute(self, image: "pyvips.Image") -> "pyvips.Image":
        """Return the pixels of ``image``, a pipeline not yet run, computed into memory.

        Raises:
            RejectedError: ``decode_timeout``, as soon as the deadline passes.
            pyvips.Error: the pixels cannot be computed.
        """
        self.check()

        def stop_when_overdue(overdue: "pyvips.Image", _progress: object) -> None:
            if self.passed:
                overdue.set_kill(True)

        image.set_progress(True)
        image.signal_connect("eval", stop_when_overdue)
        try:
            return image.copy_memory()
        except pyvips.Error:
            self.check()
            raise
        finally:
            image.set_progress(False)
