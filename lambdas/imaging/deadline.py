"""A deadline that libvips observes: an overdue picture is stopped and the process lives on.

It counts CPU time, which depends on the bytes, and apart from that the wall clock, which depends on the machine too:
only the first is a reason to reject a picture. Both are checked between steps and, while pixels are computed, at each
strip of them. A codec that works on a whole frame in one call cannot be interrupted; the limits on pixels bound what
that takes.
"""

import math
import time
from collections.abc import Callable

from lambdas.imaging.engine import pyvips
from lambdas.imaging.rejection import RejectedError


class OutOfTimeError(Exception):
    """The invocation has no time left. A retry may help: the machine may have been busy."""


class Deadline:
    """The limits of work on one picture: ``cpu_seconds`` of this process's threads, ``wall_seconds`` by the clock."""

    def __init__(
        self,
        cpu_seconds: float,
        wall_seconds: float = math.inf,
        *,
        cpu_clock: Callable[[], float] = time.process_time,
        wall_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cpu_seconds = cpu_seconds
        self._wall_seconds = wall_seconds
        self._cpu_clock = cpu_clock
        self._wall_clock = wall_clock
        self._cpu_end = cpu_clock() + cpu_seconds
        self._wall_end = wall_clock() + wall_seconds

    def check(self) -> None:
        """Return if there is time left.

        Raises:
            RejectedError: ``too_costly``, the CPU time is used up.
            OutOfTimeError: the wall-clock limit has passed.
        """
        if self._cpu_clock() > self._cpu_end:
            raise RejectedError(
                "too_costly",
                f"expected a picture drawn within {self._cpu_seconds:g} s of CPU time but received one that takes more",
            )
        if self._wall_clock() > self._wall_end:
            raise OutOfTimeError(f"expected the picture drawn within the {self._wall_seconds:.1f} s that were left")

    def compute(self, image: "pyvips.Image") -> "pyvips.Image":
        """Return the pixels of ``image``, a pipeline not yet run, computed into memory.

        Raises:
            RejectedError, OutOfTimeError: as ``check``, as soon as a limit passes.
            pyvips.Error: the pixels cannot be computed.
        """
        self.check()
        overdue: list[Exception] = []

        def stop_when_overdue(computed: "pyvips.Image", _progress: object) -> None:
            try:
                self.check()
            except (RejectedError, OutOfTimeError) as error:
                overdue.append(error)
                computed.set_kill(True)

        image.set_progress(True)
        image.signal_connect("eval", stop_when_overdue)
        try:
            return image.copy_memory()
        except pyvips.Error as error:
            if overdue:
                raise overdue[0] from error
            raise
        finally:
            image.set_progress(False)
