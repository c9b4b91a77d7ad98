"""From upload to outcome: photographs that arrive one after another, beside drawing one of them alone."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.ingest.bare import CORES, bare_seconds
from tests.bench.ingest.first_look import percentile
from tests.bench.ingest.intake import Intake

ARRIVALS = 100
_EVERY_SECONDS = 1.0
_IDLE = 0.25  # of the processors' time: photographs that arrive faster than they are drawn would measure a queue
_BARE_ROUNDS = 5
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 600.0


@dataclass(frozen=True)
class Arrivals:
    """Seconds from S3's answer to the outcome, of each photograph; and of drawing one alone, of each round."""

    ready: tuple[float, ...]
    bare: tuple[float, ...]
    every: float
    """Seconds between two photographs."""

    @property
    def ratio(self) -> float:
        """The median photograph, in times of drawing it alone."""
        return percentile(self.ready, 50) / statistics.median(self.bare)


def measure(intake: Intake, photograph: Path, report: Callable[[int], None]) -> Arrivals:
    """Put ``photograph`` once a second, or as often as the machine can draw it, and wait for every outcome.

    ``report`` is called with the number of outcomes.
    """
    # Half of the rounds before and half after, so that a machine that grows slower is slower for both.
    bare = [bare_seconds([photograph]) for _ in range(_BARE_ROUNDS // 2 + 1)]
    every = max(_EVERY_SECONDS, statistics.median(bare) / CORES / (1 - _IDLE))
    began, deadline = time.monotonic(), time.monotonic() + ARRIVALS * every + _PATIENCE_SECONDS
    waiting: dict[str, float] = {}
    ready: list[float] = []
    put = 0
    while put < ARRIVALS or waiting:
        if put < ARRIVALS and time.monotonic() >= began + put * every:
            (image_id,) = intake.put([photograph])
            waiting[image_id] = time.monotonic()
            put += 1
        done = intake.ready(list(waiting))
        ready += [time.monotonic() - waiting.pop(image_id) for image_id in done]
        report(len(done))
        if time.monotonic() > deadline:
            raise TimeoutError(f"expected {ARRIVALS} ready pictures but received {len(ready)}")
        time.sleep(_POLL_SECONDS)
    bare += [bare_seconds([photograph]) for _ in range(_BARE_ROUNDS // 2)]
    return Arrivals(tuple(ready), tuple(bare), every)
