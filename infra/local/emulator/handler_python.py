"""The Python that handlers run on: the standard library and boto3, as in Lambda, and nothing else of this machine.

The emulator runs handlers on its own interpreter, where they could import everything that is installed beside it.
A package that is missing in a code asset or a layer must be missing here too.
"""

import re
import shlex
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from infra.local.emulator.patching import original

_RUNTIME_PACKAGE = "boto3"  # the one that Lambda's Python runtimes bring along
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


def apply_patches() -> None:
    """Patch the emulator's modules in this process.

    Raises:
        PatchError: a patched name is not there.
    """
    from ministack.core import lambda_runtime

    detect = original(lambda_runtime, "_detect_runtime_binary")
    interpreter = str(write_interpreter(Path(tempfile.gettempdir())))

    def detect_bare(runtime: str) -> tuple[str, str]:
        binary, script = detect(runtime)
        return (interpreter if runtime.startswith("python") else binary), script

    lambda_runtime._detect_runtime_binary = detect_bare


def write_interpreter(folder: Path) -> Path:
    """Write into ``folder`` an executable that starts this Python with no packages but those of the runtime."""
    packages = folder / "runtime-packages"
    packages.mkdir()
    for package in sorted(_with_dependencies(_RUNTIME_PACKAGE)):
        for path in _top_level_paths(package):
            (packages / path.name).symlink_to(path)
    interpreter = folder / "handler-python"
    # -S leaves this environment's packages out.
    interpreter.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(packages))} exec {shlex.quote(sys.executable)} -S "$@"\n',
        encoding="utf-8",
    )
    interpreter.chmod(0o700)
    return interpreter


def _with_dependencies(package: str) -> set[str]:
    found: set[str] = set()
    waiting = [package]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for requirement in metadata.requires(name) or []:
            match = _REQUIREMENT.match(requirement)
            if match and "extra ==" not in requirement:
                waiting.append(match[0])
    return found


def _top_level_paths(package: str) -> set[Path]:
    distribution = metadata.distribution(package)
    names = {file.parts[0] for file in distribution.files or []}
    return {
        Path(str(distribution.locate_file(name)))
        for name in names
        if name not in ("..", "__pycache__") and not name.endswith(".dist-info")
    }
