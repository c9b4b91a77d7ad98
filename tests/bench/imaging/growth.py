"""How a process's memory grows as it draws."""

import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.imaging.contenders import execute

RENDERS = 2000
_WIDTHS = [256]  # the original is decoded to the top rung whatever is drawn; small encodings keep 2,000 short
_EVERY = 20
_SECONDS = 900
_WARM = 0.2  # caches, arenas and the largest picture's buffers settle in the first fifth


@dataclass(frozen=True)
class Soak:
    """Memory in MB after so many renders, sampled on the way."""

    samples: tuple[tuple[int, float], ...]
    renders: int
    refused: int

    @property
    def growth(self) -> float:
        """Share by which memory grew from the warmed-up process to the last render."""
        return growth(self.samples)


def soak(pictures: Sequence[Path]) -> Soak:
    """Draw ``pictures`` in turn, 2,000 renders in all, in one process."""
    job = {
        "pictures": [str(path) for path in pictures],
        "widths": _WIDTHS,
        "renders": RENDERS,
        "every": _EVERY,
        "seconds": _SECONDS,
    }
    report = execute([sys.executable, "-m", "tests.bench.imaging.soak"], json.dumps(job), "the soak")
    samples = tuple((count, memory) for count, memory in report["samples"])
    return Soak(samples, report["renders"], report["refused"])


def growth(samples: Sequence[tuple[int, float]]) -> float:
    """Return the growth of memory over ``samples`` as a share of where it began, by Theil and Sen's slope.

    The median of all slopes between two samples is not moved by a peak here and there, as a line of
    least squares is. The first fifth is left out: until then a process is still filling its caches.

    Raises:
        ValueError: fewer than ten samples are left.
    """
    warm = [sample for sample in samples if sample[0] > samples[-1][0] * _WARM]
    if len(warm) < 10:
        raise ValueError(f"expected at least 10 samples of a warm process but received {len(warm)}")
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for index, earlier in enumerate(warm)
        for later in warm[index + 1 :]
    ]
    slope = statistics.median(slopes)
    first = statistics.median(memory - slope * (count - warm[0][0]) for count, memory in warm)
    return slope * (warm[-1][0] - warm[0][0]) / first
