"""Handlers' worker processes on one machine, and the account's pool of concurrency that they draw on.

The emulator unpacks code and layers for every worker, which is most of a cold start. Here all workers share
one unpacked folder for each archive, with the bytecode that the first one wrote. As in Lambda, no
handler may write to it.

A reservation is taken out of the account's pool. What has none shares the rest, and is throttled when that is used up:
"Understanding Lambda function scaling". 100 cannot be reserved.

On AWS no function takes another's processors. On one machine the shared lane's functions, whose backlog is the largest,
run at a lower priority than what a viewer, an uploader or a dedicated tenant waits for.
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
from lambdas.core.settings.lanes import SHARED_LANE, UNRESERVED_CONCURRENCY, LaneFunction

# Of one function. Drawing takes a core; meanwhile the next picture's bytes arrive.
HANDLERS_AT_ONCE = 2 * (os.cpu_count() or 1)
_NICENESS = 10  # a ninth of another function's share of a busy core
_SHARED = tuple(f"-{SHARED_LANE}-{name}" for name in get_args(LaneFunction))


def apply_patches() -> None:
    """Patch the emulator's modules in this process.

    Raises:
        PatchError: a patched name is not there, or is something else.
    """
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    _share_archives(lambda_runtime)
    _bound_handlers(lambda_svc)
    _prefer_others_to_the_shared_lane(lambda_runtime)
    _share_the_pool(lambda_svc)


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


def _prefer_others_to_the_shared_lane(lambda_runtime: Any) -> None:
    worker: Any = original(lambda_runtime, "Worker")
    spawn: Callable[[Any], None] = original(worker, "_spawn")

    def spawn_with_priority(self: Any) -> None:
        spawn(self)
        if str(self.config.get("FunctionArn")).endswith(_SHARED):
            with contextlib.suppress(OSError):  # it may have ended already
                os.setpriority(os.PRIO_PROCESS, self._proc.pid, _NICENESS)

    worker._spawn = spawn_with_priority


def _share_the_pool(lambda_svc: Any) -> None:
    reserved_of: Callable[[dict[str, Any], dict[str, Any]], int | None] = original(lambda_svc, "_reserved_concurrency")
    put: Callable[[str, dict[str, Any]], Any] = original(lambda_svc, "_put_function_concurrency")
    key_of, quota = original(lambda_svc, "_inflight_key"), original(lambda_svc, "_ACCOUNT_CONCURRENCY_CAP")
    functions, running = original(lambda_svc, "_functions"), original(lambda_svc, "_inflight")
    lock, refuse = original(lambda_svc, "_inflight_lock"), original(lambda_svc, "error_response_json")

    def reservations() -> dict[str, int]:
        # The emulator's dictionary shows the functions of one account and region, as the pool is.
        records = [functions[name] for name in list(functions.keys())]
        found = {key_of(record["config"]): reserved_of(record, record["config"]) for record in records}
        return {key: executions for key, executions in found.items() if executions is not None}

    def acquire(function: dict[str, Any], config: dict[str, Any]) -> tuple[str | None, str | None]:
        key, reserved = key_of(config), reservations()
        pool = key.rpartition(":")[0]
        with lock:
            if key in reserved:
                if running.get(key, 0) >= reserved[key]:
                    return None, "function"
            elif quota - sum(reserved.values()) <= sum(
                count for each, count in running.items() if each not in reserved and each.rpartition(":")[0] == pool
            ):
                return None, "account"
            running[key] = running.get(key, 0) + 1
            lambda_svc._inflight_total += 1
        return key, None

    def put_within_the_pool(name: str, request: dict[str, Any]) -> Any:
        if name in functions:
            reserved = reservations()
            growth = request["ReservedConcurrentExecutions"] - reserved.get(key_of(functions[name]["config"]), 0)
            if growth > 0 and quota - sum(reserved.values()) - growth < UNRESERVED_CONCURRENCY:
                message = (
                    "Specified ReservedConcurrentExecutions for function decreases account's"
                    f" UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_CONCURRENCY}]."
                )
                return refuse("InvalidParameterValueException", message, 400)
        return put(name, request)

    original(lambda_svc, "_acquire_execution_slot")
    lambda_svc._acquire_execution_slot = acquire
    lambda_svc._put_function_concurrency = put_within_the_pool
