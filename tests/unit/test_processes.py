import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.processes import (
    MARK,
    ProcessError,
    find_marked,
    find_process,
    log_tail,
    start_process,
    stop_processes,
    stop_stack_processes,
)
from infra.local.state import ProcessRecord

STUBBORN_FAMILY = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""
SLEEPER = "print('ready', flush=True); import time; time.sleep(600)"


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str], ProcessRecord]:
    """Start Python code as a process of the stack in ``tmp_path``, and wait until it says that it is ready."""

    def started(code: str) -> ProcessRecord:
        log = tmp_path / "log"
        record = start_process(
            "sample",
            [sys.executable, "-c", code],
            home=tmp_path,
            environment={"PATH": os.environ["PATH"]},
            log=log,
            folder=tmp_path,
        )
        while "ready" not in log_tail(log):
            assert find_process(record), log_tail(log)
            time.sleep(0.02)
        return record

    return started


def test_a_process_that_ignores_sigterm_is_ended_with_its_children(
    tmp_path: Path, start: Callable[[str], ProcessRecord]
) -> None:
    record = start(STUBBORN_FAMILY)
    assert len(find_marked(tmp_path)) == 2

    ended = stop_stack_processes(tmp_path, term_seconds=0.2)

    assert ended == 2
    assert find_marked(tmp_path) == []
    assert find_process(record) is None


def test_one_process_ends_and_another_stays(tmp_path: Path, start: Callable[[str], ProcessRecord]) -> None:
    one, another = start(SLEEPER), start(SLEEPER)

    stop_processes([one])

    assert find_process(one) is None
    assert find_process(another) is not None
    assert stop_stack_processes(tmp_path) == 1


def test_processes_of_another_folder_are_not_found(tmp_path: Path, start: Callable[[str], ProcessRecord]) -> None:
    start(SLEEPER)

    assert find_marked(tmp_path / "other") == []
    assert stop_stack_processes(tmp_path / "other") == 0
    assert stop_stack_processes(tmp_path) == 1


def test_a_clock_that_was_set_hides_no_process(tmp_path: Path, start: Callable[[str], ProcessRecord]) -> None:
    record = start(SLEEPER)

    assert find_process(record.model_copy(update={"started": record.started - 3600})) is not None
    assert find_process(record.model_copy(update={"started": record.started - 3600, "home": "/another"})) is None
    assert stop_stack_processes(tmp_path) == 1


def test_processes_inherit_no_environment(tmp_path: Path, start: Callable[[str], ProcessRecord]) -> None:
    start("import json, os; print(json.dumps(sorted(os.environ))); " + SLEEPER)

    assert set(json.loads(log_tail(tmp_path / "log").splitlines()[0])) - {"LC_CTYPE"} == {MARK, "PATH"}
    stop_stack_processes(tmp_path)


def test_a_log_ends_with_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(map(str, range(100))))

    assert log_tail(log, lines=2) == "98\n99"
    assert log_tail(tmp_path / "none") == "(its log is empty)"


def test_an_unknown_command_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="expected sample to start"):
        start_process(
            "sample", ["/no/such/program"], home=tmp_path, environment={}, log=tmp_path / "log", folder=tmp_path
        )
