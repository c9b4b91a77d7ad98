"""Drawing alone: the code of derive in a process for each core, without a queue, a bucket or a table.

As a program, reads paths of photographs, and which variants, from standard input, and writes the seconds that all took.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from infra.assets import LIBVIPS_ENVIRONMENT
from lambdas.core.keys import Variant

CORES = os.cpu_count() or 1
# As the derive function has it: one thread a process, for each has a core to itself.
_ENVIRONMENT = {**LIBVIPS_ENVIRONMENT, "VIPS_CONCURRENCY": "1"}


def bare_seconds(photographs: Sequence[Path], variants: Sequence[Variant] = ()) -> float:
    """Return how many seconds it takes to draw ``variants`` of all ``photographs``, started processes apart.

    Without ``variants``, the eager ones.
    """
    job = {"photographs": [str(path) for path in photographs], "variants": [str(variant) for variant in variants]}
    child = subprocess.run(
        [sys.executable, "-m", "tests.bench.ingest.bare"],
        input=json.dumps(job),
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(child.stdout)


def _draw(photograph: Path, variants: Sequence[Variant]) -> int:
    from lambdas.core.settings import load_settings
    from lambdas.imaging.render import render

    settings = load_settings()
    wanted = variants or settings.eager_variants
    return sum(len(drawn.data) for drawn in render(photograph.read_bytes(), wanted, settings))


def main() -> None:
    """Draw what standard input names."""
    job = json.load(sys.stdin)
    photographs = [Path(path) for path in job["photographs"]]
    draw = partial(_draw, variants=[Variant.parse(variant) for variant in job["variants"]])
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as processes:
        for warmed in [processes.submit(draw, photographs[0]) for _ in range(2 * CORES)]:
            warmed.result()
        began = time.perf_counter()
        written = sum(processes.map(draw, photographs))
        seconds = time.perf_counter() - began
    assert written
    print(seconds)


if __name__ == "__main__":
    main()
