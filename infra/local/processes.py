"""Processes of the local stack: started in sessions of their own, found again, ended with their children.

Every process carries the stack's state folder in its environment and hands it on to its children.
So they are found even if the state file is lost or half written.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from infra.local.errors import LocalStackError
from infra.local.state import ProcessRecord, private

MARK = "DARKROOM_STACK_HOME"
TERM_SECONDS = 10.0
_POLL_SECONDS = 0.02

# Kept so that ended ones are reaped; they may outlive this process.
_children: list[subprocess.Popen[bytes]] = []


class ProcessError(LocalStackError):
    """A process of the stack did not start or did not end; the message has the tail of its log."""


def log_tail(log: Path, lines: int = 20) -> str:
    """Return the last ``lines`` of a log file, or "(its log is empty)"."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        text = ""
    return "\n".join(text.splitlines()[-lines:]) or "(its log is empty)"


def start_process(
    name: str, command: Sequence[str], *, home: Path, environment: Mapping[str, str], log: Path, folder: Path
) -> ProcessRecord:
    """Start ``command`` in a session of its own, its output appended to ``log``.

    Args:
        name: what the process is called in the state file and in messages.
        command: program and arguments.
        home: the stack's state folder, by which the process is found again.
        environment: its whole environment; nothing is inherited.
        log: file for standard output and error.
        folder: its working folder.

    Raises:
        ProcessError: it cannot be started.
    """
    with open(log, "ab", opener=private) as output:
        try:
            child = subprocess.Popen(
                command,
                env={**environment, MARK: str(home)},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
            )
        except OSError as error:
            raise ProcessError(f"expected {name} to start but received {error}") from error
    _children.append(child)
    try:
        started = psutil.Process(child.pid).create_time()
    except psutil.NoSuchProcess as error:
        raise ProcessError(f"expected {name} to start but it ended at once:\n{log_tail(log)}") from error
    return ProcessRecord(name=name, pid=child.pid, started=started, home=str(home))


def find_process(record: ProcessRecord) -> psutil.Process | None:
    """Return the live process of ``record``; None where it ended, even if its number is in use again.

    Its start time alone does not identify it: the system reckons it from the clock, and moves it when the clock is set.
    """
    try:
        process = psutil.Process(record.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        same = abs(process.create_time() - record.started) < 1 or process.environ().get(MARK) == record.home
    except psutil.Error:
        return None
    return process if same else None


def find_marked(home: Path) -> list[psutil.Process]:
    """Return every live process that was started for the stack in ``home``, children's children included."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == str(home) and _lives(process):
                found.append(process)
    return found


def stop_processes(records: Iterable[ProcessRecord], *, term_seconds: float = TERM_SECONDS) -> None:
    """End the groups of ``records``: SIGTERM, then SIGKILL after ``term_seconds``.

    Raises:
        ProcessError: a process outlived SIGKILL.
    """
    _end([process for record in records if (process := find_process(record))], term_seconds)


def stop_stack_processes(
    home: Path, records: Iterable[ProcessRecord] = (), *, term_seconds: float = TERM_SECONDS
) -> int:
    """End every process of the stack in ``home``: SIGTERM to every group, then SIGKILL after ``term_seconds``.

    Args:
        home: the stack's state folder, by which its processes are marked.
        records: known processes, for systems that hide the environment of others.
        term_seconds: how long a process may take to end by itself.

    Returns:
        How many processes there were.

    Raises:
        ProcessError: a process outlived SIGKILL.
    """
    found = {process.pid: process for record in records if (process := find_process(record))}
    found |= {process.pid: process for process in find_marked(home)}
    _end(list(found.values()), term_seconds)
    return len(found)


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs ``module`` under this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
        if process.is_running() and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def _end(processes: list[psutil.Process], term_seconds: float) -> None:
    for number, seconds in ((signal.SIGTERM, term_seconds), (signal.SIGKILL, TERM_SECONDS)):
        for process in processes:
            _signal(process, number)
        deadline = time.monotonic() + seconds
        while processes and time.monotonic() < deadline:
            _reap()
            processes = [process for process in processes if _lives(process)]
            if processes:
                time.sleep(_POLL_SECONDS)
    if processes:
        names = ", ".join(str(process.pid) for process in processes)
        raise ProcessError(f"expected every process to end but these outlived SIGKILL: {names}")


def _reap() -> None:
    _children[:] = [child for child in _children if child.poll() is None]
