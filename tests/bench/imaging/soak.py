"""Draw thousands of pictures in one process and report its memory on the way: a leak shows as a slope."""

import itertools
import json
import os
import sys
import time
from pathlib import Path

from lambdas.core.keys import FORMATS, Variant
from lambdas.imaging.rejection import RejectedError
from tests.bench.imaging.child import Job
from tests.bench.imaging.darkroom import draw, settings_of

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_mb() -> float:
    """Return the memory, in MB, that this process has now."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * _PAGE / 1e6


def main() -> None:
    """Read which pictures, how often and how long at most; write samples of (renders, MB)."""
    job = json.load(sys.stdin)
    settings = settings_of(Job([], [], None, None))
    variants = tuple(Variant(width, 0, fmt) for width in job["widths"] for fmt in FORMATS)
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
