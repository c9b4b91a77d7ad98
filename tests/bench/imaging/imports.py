"""What importing a handler costs: the CPU of a Python that does, less that of one that does not."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile

LIGHT = ("upload_api", "validate", "record")
DRAWING = ("metadata", "derive", "generate")
PIPELINE = ("validate", "record")
_RUNS = 3

# Libraries that no function carries, and that botocore and PyJWT would take here.
_AS_IN_LAMBDA = "import sys; sys.modules.update(dict.fromkeys(('awscrt', 'certifi', 'cryptography'))); "
# What every handler of the pipeline needs before a line of ours: the SDK, the logger and metrics, a model.
_SHARED = (
    "import boto3, aws_lambda_powertools.logging, aws_lambda_powertools.metrics, pydantic;"
    " type('Model', (pydantic.BaseModel,), {})"
)


def import_seconds() -> dict[str, float]:
    """Return the CPU seconds of importing each handler, by its name: medians of several fresh processes.

    All from bytecode, as a function's archive has it. ``boto3`` and ``shared``, the libraries that all
    handlers of the pipeline need, are measured beside them.
    """
    codes = {name: f"import lambdas.{name}.handler" for name in (*LIGHT, *DRAWING)}
    codes |= {"boto3": "import boto3", "shared": _SHARED}
    seconds: dict[str, list[float]] = {name: [] for name in codes}
    with tempfile.TemporaryDirectory() as bytecode:
        for code in codes.values():
            _cpu_of(code, bytecode)  # compiles
        for _ in range(_RUNS):
            bare = _cpu_of("pass", bytecode)
            for name, code in codes.items():
                seconds[name].append(_cpu_of(code, bytecode) - bare)
    return {name: statistics.median(runs) for name, runs in seconds.items()}


def light_vs_drawing(seconds: dict[str, float]) -> float:
    """Return the mean of the light handlers as a share of the mean of the drawing ones."""
    return _mean(seconds, LIGHT) / _mean(seconds, DRAWING)


def light_vs_shared(seconds: dict[str, float]) -> float:
    """Return how many times the cost of the libraries alone the pipeline's light handlers take."""
    return _mean(seconds, PIPELINE) / seconds["shared"]


def _mean(seconds: dict[str, float], names: tuple[str, ...]) -> float:
    return statistics.fmean(seconds[name] for name in names)


def _cpu_of(code: str, bytecode: str) -> float:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", _AS_IN_LAMBDA + code], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
