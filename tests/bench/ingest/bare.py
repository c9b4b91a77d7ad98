"""Drawing alone: the code of derive in a process for each core, without a queue, a bucket or a table.

As a program, reads paths of photographs from standard input, one a line, and writes the seconds that all took.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from infra.assets import LIBVIPS_ENVIRONMENT

CORES = os.cpu_count() or 1
# As the derive function has it: one thread a process, for each has a core to itself.
_ENVIRONMENT = {**LIBVIPS_ENVIRONMENT, "VIPS_CONCURRENCY": "1"}


def bare_seconds(photographs: Sequence[Path]) -> float:
    """Return how many seconds it takes to draw the eager variants of all ``photographs``, started processes apart."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.bench.ingest.bare"],
        input="\n".join(map(str, photographs)),
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(child.stdout)


def _draw(photograph: Path) -> int:
    from lambdas.core.settings import load_settings
    from lambdas.imaging.render import render

    settings = load_settings()
    return sum(len(drawn.data) for drawn in render(photograph.read_bytes(), settings.eager_variants, settings))


def main() -> None:
    """Draw what standard input names."""
    photographs = [Path(line) for line in sys.stdin.read().splitlines()]
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as processes:
        for warmed in [processes.submit(_draw, photographs[0]) for _ in range(2 * CORES)]:
            warmed.result()
        began = time.perf_counter()
        written = sum(processes.map(_draw, photographs))
        seconds = time.perf_counter() - began
    assert written
    print(seconds)


if __name__ == "__main__":
    main()
