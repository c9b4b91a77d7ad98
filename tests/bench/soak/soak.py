"""Memory of a process that draws thousands of pictures: a leak shows as a slope.

Run as ``python -m tests.bench.soak.soak`` it is that process.
"""

import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lambdas.core.keys import NEGOTIATED_FORMATS, Variant
from lambdas.imaging.rejection import RejectedError
from tests.bench.imaging.child import Job
from tests.bench.imaging.contenders import execute
from tests.bench.imaging.darkroom import draw, settings_of

RENDERS = 2000
_WIDTHS = [256]  # the original is decoded to the top rung whatever is drawn; small encodings keep 2,000 short
_EVERY = 20
_SECONDS = 900
_PAGE = os.sysconf("SC_PAGE_SIZE")
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
    report = execute([sys.executable, "-m", "tests.bench.soak.soak"], json.dumps(job), "the soak")
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


def resident_mb() -> float:
    """Return the memory, in MB, that this process has now."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * _PAGE / 1e6


def main() -> None:
    """Read which pictures, how often and how long at most; write samples of (renders, MB)."""
    job = json.load(sys.stdin)
    settings = settings_of(Job([], [], None, None))
    variants = tuple(Variant(width, 0, fmt) for width in job["widths"] for fmt in NEGOTIATED_FORMATS)
    pictures = [Path(path).read_bytes() for path in job["pictures"]]
    samples: list[tuple[int, float]] = []
    refused = 0
    ends = time.monotonic() + job["seconds"]
    for count, data in enumerate(itertools.islice(itertools.cycle(pictures), job["renders"]), start=1):
        try:
            for _ in draw(data, variants, settings):
                pass
        except RejectedError:
            refused += 1
        if count % job["every"] == 0:
            samples.append((count, resident_mb()))
        if time.monotonic() > ends:
            break
    json.dump({"samples": samples, "renders": count, "refused": refused}, sys.stdout)


if __name__ == "__main__":
    main()
