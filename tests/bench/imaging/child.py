"""What every contender written in Python does: read a job, time each photograph, report."""

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Drawn = Iterable[tuple[str, bytes]]
"""Names of variants (``1600x0.avif``) with their bytes."""
Took = dict[str, Any]
"""``cpu`` and ``wall`` seconds, and ``bytes``, how many by the names of variants."""


@dataclass(frozen=True)
class Job:
    """What is to be drawn: ``formats`` are encoder settings, or None for the contender's own."""

    photographs: list[Path]
    widths: list[int]
    formats: dict[str, dict[str, Any]] | None
    out: Path | None


def read_job() -> Job:
    """Read the job from standard input."""
    job = json.load(sys.stdin)
    return Job(
        photographs=[Path(path) for path in job["photographs"]],
        widths=job["widths"],
        formats=job["formats"],
        out=Path(job["out"]) if job["out"] else None,
    )


def report(job: Job, draw: Callable[[bytes], Drawn], versions: str, warm_up: Callable[[bytes], object]) -> None:
    """Draw every photograph of ``job`` and write what that took to standard output."""
    photographs = []
    warm_up(job.photographs[0].read_bytes())
    for number, path in enumerate(job.photographs):
        data = path.read_bytes()
        drawn, took = timed(lambda data=data: draw(data))
        photographs.append(took)
        if job.out:
            folder = job.out / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            for name, written in drawn:
                (folder / name).write_bytes(written)
        del drawn
    json.dump({"photographs": photographs, "peak_memory_mb": peak_memory_mb(), "versions": versions}, sys.stdout)


def timed(draw: Callable[[], Drawn]) -> tuple[list[tuple[str, bytes]], Took]:
    """Return what is drawn, and what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    drawn = list(draw())
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return drawn, {"cpu": cpu, "wall": wall, "bytes": {name: len(written) for name, written in drawn}}


def peak_memory_mb() -> float:
    """Return the most memory, in MB, that this process has had at any one time since it was executed."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("expected VmHWM in /proc/self/status but received none")
