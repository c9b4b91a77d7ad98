"""Run a contender in a process of its own, on one core, and read its report; sharp is installed from its lock file."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from infra.assets import LIBVIPS_ENVIRONMENT

_HERE = Path(__file__).resolve().parent
CHECKOUT = _HERE.parents[2]
_PYTHON = "tests.bench.imaging."
_PATIENCE_SECONDS = 1800
_BUILD = CHECKOUT / "build" / "bench"


class InstallationError(RuntimeError):
    """sharp could not be installed: the message says what npm said."""


def node() -> Path:
    """Return Node's executable in this environment, or the machine's."""
    return _executable("node")


def installed_sharp() -> Path:
    """Return the folder that holds ``node_modules/sharp``.

    Raises:
        InstallationError: npm is missing, or no registry is within reach.
    """
    manifests = [_HERE / "package.json", _HERE / "package-lock.json"]
    digest = sha256(b"".join(manifest.read_bytes() for manifest in manifests)).hexdigest()[:16]
    folder = _BUILD / f"sharp-{digest}"
    if folder.is_dir():
        return folder
    _BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_BUILD, prefix=".sharp-") as scratch:
        fetched = Path(scratch, folder.name)
        fetched.mkdir()
        for manifest in manifests:
            shutil.copy(manifest, fetched)
        npm = subprocess.run(
            [_executable("npm"), "ci", "--no-audit", "--no-fund"],
            cwd=fetched,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"},
        )
        if npm.returncode:
            raise InstallationError(
                f"expected npm to install sharp but received exit status {npm.returncode}:"
                f" is a package registry within reach?\n{npm.stderr.strip()}"
            )
        fetched.rename(folder)
    return folder


def _executable(name: str) -> Path:
    beside = Path(sys.executable).parent / name
    found = beside if beside.exists() else shutil.which(name)
    if found is None:
        raise InstallationError(f"expected {name} in this environment or on the PATH but received none; run: uv sync")
    return Path(found)


class ContenderError(RuntimeError):
    """A contender failed: the message says which, and its last words."""


@dataclass(frozen=True)
class Contender:
    """An engine with encoder settings; ``formats`` None means its own defaults."""

    name: str
    engine: str
    formats: Mapping[str, Any] | None = None
    shared: bool = False
    """sharp only: each rung's pixels are handed to all encoders, instead of a pipeline per derivative."""
    rounds: int = 3
    """How often it draws everything; fewer where a round takes a minute, or no target hangs on it."""


@dataclass(frozen=True)
class Drawing:
    """What one photograph took: seconds, and bytes by the names of its variants."""

    cpu: float
    wall: float
    bytes: Mapping[str, int]


@dataclass(frozen=True)
class Run:
    """A contender's report, a drawing per photograph in the order asked for."""

    drawings: tuple[Drawing, ...]
    peak_memory_mb: float
    versions: str
    beside: tuple[Drawing, ...] = ()
    """Our full set in the contender's own process, where it draws that too."""


def draw_with(contender: Contender, photographs: Sequence[Path], widths: Sequence[int], out: Path | None = None) -> Run:
    """Have ``contender`` draw ``photographs`` at all ``widths``; derivatives are written under ``out`` if given.

    Raises:
        ContenderError: it failed.
    """
    job = {
        "photographs": [str(path) for path in photographs],
        "widths": sorted(widths, reverse=True),
        "formats": contender.formats,
        "out": str(out) if out else None,
        "shared": contender.shared,
    }
    return _parse(execute(_command(contender, job), json.dumps(job), contender.name))


def execute(command: Sequence[str], standard_input: str, name: str) -> Any:
    """Run ``command`` on one core and return the JSON that it writes.

    Raises:
        ContenderError: it ended with another exit status than 0, or took half an hour.
    """
    with one_core():
        process = subprocess.Popen(
            command, cwd=CHECKOUT, env=_environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    try:
        output, errors = process.communicate(standard_input, timeout=_PATIENCE_SECONDS)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        raise ContenderError(f"expected figures from {name} but received exit status {process.returncode}:\n{errors}")
    return json.loads(output)


@contextmanager
def one_core() -> Iterator[None]:
    """Hold processes started meanwhile, and their threads, to the last core; where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _command(contender: Contender, job: dict[str, Any]) -> list[str]:
    if contender.engine == "sharp":
        job["modules"] = str(installed_sharp())
        return [str(node()), str(Path(__file__).with_name("sharp.mjs"))]
    return [sys.executable, "-m", _PYTHON + contender.engine]


def _environment() -> dict[str, str]:
    # As the drawing functions have it, and the same for all: sharp takes as long with it as without.
    return {**os.environ, **LIBVIPS_ENVIRONMENT, "VIPS_CONCURRENCY": "1"}


def _parse(report: Any) -> Run:
    drawings, beside = _drawings(report["photographs"]), _drawings(report.get("beside", ()))
    return Run(drawings, report["peak_memory_mb"], report["versions"], beside)


def _drawings(photographs: Any) -> tuple[Drawing, ...]:
    return tuple(Drawing(each["cpu"], each["wall"], each["bytes"]) for each in photographs)
