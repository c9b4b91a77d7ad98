"""sharp, installed from its lock file into ``build``, once for each version of the file."""

import os
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_BUILD = _HERE.parents[2] / "build" / "bench"


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
