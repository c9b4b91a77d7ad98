"""Handlers' worker processes on one machine: archives unpacked once, executions bounded, reserved functions first.

The emulator unpacks code and layers for every worker, which is most of a cold start. Here all workers share
one unpacked folder for each archive, with the bytecode that the first one wrote. As in Lambda, no
handler may write to it.

Reserved concurrency is capacity that no other function can use. On one machine that is processor time: a lane's
functions without a reservation run at a lower priority. Those that a viewer or an uploader waits for do not: on AWS no
lane takes their processors.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
import types
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from infra.local.emulator.patching import PatchError, original
from lambdas.core.settings.lanes import LaneFunction

# Of one function. Drawing takes a core; meanwhile the next picture's bytes arrive.
HANDLERS_AT_ONCE = 2 * (os.cpu_count() or 1)
UNRESERVED_NICENESS = 10  # a ninth of another function's share of a busy core
_IN_LANES = tuple(f"-{name}" for name in get_args(LaneFunction))


def apply_patches() -> None:
    """Patch the emulator's modules in this process.

    Raises:
        PatchError: a patched name is not there, or is something else.
    """
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    _share_archives(lambda_runtime)
    _bound_handlers(lambda_svc)
    _prioritize_reserved(lambda_runtime, lambda_svc)


class UnpackedArchives:
    """Folders with the content of archives, each unpacked when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def folder(self, archive: Path) -> Path:
        """Return the folder with the content of the zip file at ``archive``, the same one for the same bytes."""
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"unpacked-{digest}"
        with self._lock:
            if not folder.exists():
                unfinished = Path(tempfile.mkdtemp(prefix="unpacking-"))
                try:
                    with zipfile.ZipFile(archive) as zipped:
                        zipped.extractall(unfinished)
                    unfinished.rename(folder)
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
        return folder


def _share_archives(lambda_runtime: Any) -> None:
    if original(lambda_runtime, "zipfile") is not zipfile:
        raise PatchError("expected the emulator's worker to unpack with the standard zipfile but it does not")
    archives = UnpackedArchives()

    class SharedZipFile(zipfile.ZipFile):
        """A zip file that is not extracted but linked to its content, which is unpacked already."""

        def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
            """Make ``path``, an empty folder, a link to the archive's content."""
            if self.filename is None or path is None or members is not None or any(Path(path).iterdir()):
                super().extractall(path, members, pwd)
                return
            Path(path).rmdir()
            Path(path).symlink_to(archives.folder(Path(self.filename)), target_is_directory=True)

    shared = types.ModuleType("zipfile")
    shared.__dict__.update({**vars(zipfile), "ZipFile": SharedZipFile})
    lambda_runtime.zipfile = shared


def _bound_handlers(lambda_svc: Any) -> None:
    execute: Callable[..., dict[str, Any]] = original(lambda_svc, "_execute_function_warm")
    slots: defaultdict[str, threading.BoundedSemaphore] = defaultdict(
        lambda: threading.BoundedSemaphore(HANDLERS_AT_ONCE)
    )

    def execute_in_turn(function: dict[str, Any], *arguments: Any, **options: Any) -> dict[str, Any]:
        # One function's own limit: a handler that invokes another function never waits for itself.
        with slots[str((function.get("config") or function).get("FunctionArn"))]:
            return execute(function, *arguments, **options)

    lambda_svc._execute_function_warm = execute_in_turn


def _prioritize_reserved(lambda_runtime: Any, lambda_svc: Any) -> None:
    execute: Callable[..., dict[str, Any]] = original(lambda_svc, "_execute_function_warm")
    worker: Any = original(lambda_runtime, "Worker")
    spawn: Callable[[Any], None] = original(worker, "_spawn")
    reserved: set[str] = set()

    def execute_and_remember(function: dict[str, Any], *arguments: Any, **options: Any) -> dict[str, Any]:
        arn = str((function.get("config") or function).get("FunctionArn"))
        (reserved.discard if function.get("concurrency") is None else reserved.add)(arn)
        return execute(function, *arguments, **options)

    def spawn_with_priority(self: Any) -> None:
        spawn(self)
        arn = str(self.config.get("FunctionArn"))
        if arn.endswith(_IN_LANES) and arn not in reserved:
            with contextlib.suppress(OSError):  # it may have ended already
                os.setpriority(os.PRIO_PROCESS, self._proc.pid, UNRESERVED_NICENESS)

    lambda_svc._execute_function_warm = execute_and_remember
    worker._spawn = spawn_with_priority
