"""A tenant in a lane of its own, while another bursts into the shared one."""

import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.ingest.intake import Intake

BURST = 300
QUIET = 10
ROUNDS = 3


@dataclass(frozen=True)
class Neighbours:
    """Seconds in which the quiet tenant's pictures were ready: alone, and beside the burst."""

    alone_seconds: list[float]
    beside_seconds: list[float]
    burst_left: int
    """Pictures of the burst that were still to be drawn when the quiet tenant's last was ready."""

    @property
    def ratio(self) -> float:
        """How many times as long it takes beside the burst: medians of the rounds."""
        return statistics.median(self.beside_seconds) / statistics.median(self.alone_seconds)


def measure(
    quiet: Intake, noisy: Intake, photographs: Sequence[Path], done: Callable[[int], None] = lambda _rounds: None
) -> Neighbours:
    """Time ``QUIET`` pictures alone, then beside a burst of ``BURST``, which is then waited for.

    Raises:
        RuntimeError: the burst was over before the quiet tenant was, so that nothing was measured.
    """
    ours = list(itertools.islice(itertools.cycle(photographs), QUIET))
    theirs = list(itertools.islice(itertools.cycle(photographs), BURST))
    alone = []
    for _ in range(ROUNDS):
        alone.append(round(quiet.seconds(ours), 3))
        done(1)
    burst = noisy.put(theirs)
    beside = []
    for _ in range(ROUNDS):
        beside.append(round(quiet.seconds(ours), 3))
        done(1)
    left = BURST - noisy.ready(burst)
    if not left:
        raise RuntimeError(f"expected a burst of {BURST} to outlast {ROUNDS} times {QUIET} pictures but it was over")
    noisy.await_ready(burst)
    done(1)
    return Neighbours(alone, beside, left)
