"""Bytecode for the archives: a function's files are read-only, so each cold start would compile what it imports anew.

It is of use to one version of Python alone. Where that is not on this machine, archives hold source
alone: functions run as well, and start more slowly.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path


@cache
def compiler(version: str) -> str | None:
    """Return the interpreter on this machine that is Python ``version``, such as ``3.13``, or None."""
    for candidate in (sys.executable, shutil.which(f"python{version}")):
        if candidate and _version_of(candidate) == version:
            return candidate
    return None


def compile_tree(folder: Path, interpreter: str) -> None:
    """Write bytecode beside every module below ``folder``: the same bytes for the same sources.

    It is never held against its source again, for in an archive both change together. What does not
    compile, as templates of other versions may not, is left as it is.
    """
    command = [interpreter, "-m", "compileall", "-qq", "-s", str(folder), "--invalidation-mode", "unchecked-hash"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}  # sets are written in one order
    subprocess.run([*command, str(folder)], env=environment, capture_output=True, check=False)


def _version_of(interpreter: str) -> str | None:
    command = [interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return None
    return ran.stdout.strip() or None
