"""What importing a handler costs: the CPU of a Python that does, less that of one that does not."""

import resource
import statistics
import subprocess
import sys

LIGHT = ("upload", "validate", "record")
DRAWING = ("metadata", "derive", "generate")
_RUNS = 7


def import_seconds() -> dict[str, float]:
    """Return the CPU seconds of importing each handler, by its name: medians of several fresh processes."""
    names = (*LIGHT, *DRAWING)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(_RUNS):
        bare = _cpu_of("pass")
        for name in names:
            seconds[name].append(_cpu_of(f"import lambdas.{name}.handler") - bare)
    return {name: statistics.median(runs) for name, runs in seconds.items()}


def light_vs_drawing(seconds: dict[str, float]) -> float:
    """Return the mean of the light handlers as a share of the mean of the drawing ones."""
    return statistics.fmean(seconds[name] for name in LIGHT) / statistics.fmean(seconds[name] for name in DRAWING)


def _cpu_of(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
