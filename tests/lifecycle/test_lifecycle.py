"""The stack's life: what ``up`` starts, ``down`` ends, and neither leaves anything behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.command import app
from infra.local.emulator.server import EmulatorError, await_emulator, start_emulator
from infra.local.endpoint import HOST, Endpoint
from infra.local.parts import FLOWS, LAB, PARTS, PREFECT, SUPERVISOR
from infra.local.ports import choose_ports
from infra.local.processes import find_marked, find_process
from infra.local.stack import end_stack
from infra.local.state import Ports, ProcessRecord, StateFolder
from infra.local.supervisor import MOST_DEATHS

_ANY_PORTS = ["--no-prefect", *(part for name in Ports.model_fields for part in (f"--{name}-port", "0"))]
_PATIENCE_SECONDS = 180.0
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def environment(home: Path, tmp_path: Path) -> dict[str, str]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return {**os.environ, "DARKROOM_HOME": str(home), "TMPDIR": str(scratch), "COLUMNS": "200"}


@pytest.fixture
def darkroom(home: Path, environment: dict[str, str]) -> Iterator[Command]:
    """Run the command in a state folder of its own; whatever a failed test leaves there is ended after it."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(_command(*arguments), env=environment, capture_output=True, text=True, check=False)

    yield run
    run("down")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from infra.command import app; app()", *arguments]


@contextmanager
def _not_ignored(number: signal.Signals) -> Iterator[None]:
    """Start children that receive ``number``: a shell starts background jobs, these tests too, with SIGINT ignored."""
    before = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def _wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"expected {what}"
        time.sleep(0.05)


def _process(folder: StateFolder, name: str) -> ProcessRecord:
    state = folder.read()
    assert state
    return next(record for record in state.processes if record.name == name)


def _row(printed: str, process: str) -> list[str]:
    return next(line for line in printed.splitlines() if line.startswith(process)).split()


def _ended(record: ProcessRecord) -> bool:
    return find_process(record) is None


def _ports_in_use(ports: list[int]) -> list[int]:
    def answers(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, port)) == 0

    return [port for port in ports if answers(port)]


def test_up_and_down_leave_nothing_behind(darkroom: Command, home: Path, tmp_path: Path) -> None:
    up = darkroom("up", *_ANY_PORTS, "--prefect", "--lab")
    assert up.returncode == 0, up.stdout + up.stderr
    state = StateFolder(home).read()
    assert state
    assert state.processes[0].name == "emulator"
    started = {record.name for record in state.processes[1:]}
    assert started == {part.name for part in (*PARTS, PREFECT, FLOWS, LAB, SUPERVISOR)}
    ports = list(state.ports.model_dump().values())
    assert _ports_in_use(ports) == ports

    again = darkroom("up")
    assert again.returncode == 0
    assert "A stack runs already" in again.stdout
    assert f":{state.ports.edge}/img/" in again.stdout
    status = darkroom("status")
    assert status.returncode == 0, status.stdout + status.stderr
    assert "darkroom-dev-shared-originals" in status.stdout
    for port in (state.ports.emulator, state.ports.edge):
        assert f"http://127.0.0.1:{port}" in status.stdout

    down = darkroom("down")
    assert down.returncode == 0, down.stdout + down.stderr
    assert not find_marked(home)
    assert _ports_in_use(ports) == []
    assert not home.exists()
    assert list((tmp_path / "scratch").iterdir()) == []
    assert darkroom("status").returncode == 1


def test_a_dead_process_is_shown_and_down_works_with_a_broken_state_file(darkroom: Command, home: Path) -> None:
    assert darkroom("up", *_ANY_PORTS).returncode == 0
    folder = StateFolder(home)
    state = folder.read()
    assert state
    records = {record.name: record for record in state.processes}

    for count in range(1, MOST_DEATHS + 1):
        killed = _process(folder, "pipes")
        os.kill(killed.pid, signal.SIGKILL)
        _wait_until(lambda killed=killed: _process(folder, "pipes") != killed, "the pipes to be started again")
        assert (found := folder.read()) is not None
        assert found.restarts == {"pipes": count}
    status = darkroom("status")
    assert (status.returncode, _row(status.stdout, "pipes")[-2:]) == (0, [str(MOST_DEATHS), "ok"])

    os.kill(_process(folder, "pipes").pid, signal.SIGKILL)
    _wait_until(lambda: (read := folder.read()) and read.given_up == ("pipes",), "the pipes to be given up")
    status = darkroom("status")
    assert (status.returncode, _row(status.stdout, "pipes")[-2:]) == (1, ["given", "up"])
    assert "".join(str(folder.log("pipes")).split()) in "".join(status.stdout.split())

    os.kill(records["supervisor"].pid, signal.SIGKILL)
    _wait_until(partial(_ended, records["supervisor"]), "the supervisor to end")
    assert darkroom("env").returncode == 0
    assert find_process(_process(folder, "supervisor")), "expected the next command to start it again"

    os.kill(records["emulator"].pid, signal.SIGKILL)
    _wait_until(partial(_ended, records["emulator"]), "the emulator to end")
    status = darkroom("status")
    assert (status.returncode, _row(status.stdout, "emulator")[-1]) == (1, "ended")
    assert "with it all data" in status.stdout
    assert darkroom("env").returncode == 1
    assert "darkroom down" in darkroom("up").stderr

    folder.file.write_text(folder.file.read_text()[: folder.file.stat().st_size // 2])
    assert find_marked(home)
    assert darkroom("down").returncode == 0
    assert not find_marked(home)
    assert not home.exists()


def test_a_busy_port_is_named_with_advice(darkroom: Command, home: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = str(other.getsockname()[1])

        up = darkroom("up", "--emulator-port", "0", "--edge-port", port, "--athena-port", "0")

    assert up.returncode == 1
    assert f"expected port {port} for the edge to be free but it is in use" in up.stderr
    assert "--edge-port" in up.stderr
    assert "Traceback" not in up.stderr
    assert not home.exists()
    assert not find_marked(home)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_cleans_up_after_itself(
    darkroom: Command, environment: dict[str, str], home: Path, number: signal.Signals
) -> None:
    with _not_ignored(number):
        starting = subprocess.Popen(
            _command("up", *_ANY_PORTS), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
    _wait_until(lambda: find_marked(home), "the start to begin")

    starting.send_signal(number)
    _out, errors = starting.communicate(timeout=_PATIENCE_SECONDS)

    assert starting.returncode not in (0, None)
    assert "Traceback" not in errors
    assert not find_marked(home)
    assert not home.exists()


def test_a_start_that_was_killed_is_ended_by_down(darkroom: Command, environment: dict[str, str], home: Path) -> None:
    starting = subprocess.Popen(
        _command("up", *_ANY_PORTS), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _wait_until(lambda: find_marked(home), "the start to begin")
    starting.kill()
    starting.wait(_PATIENCE_SECONDS)
    assert find_marked(home)
    second = darkroom("up", *_ANY_PORTS)
    assert second.returncode == 1
    assert "darkroom down" in second.stderr

    assert darkroom("down").returncode == 0

    assert not find_marked(home)
    assert not home.exists()


def test_an_emulator_that_dies_is_explained_with_its_log(home: Path) -> None:
    folder = StateFolder(home)
    folder.create()
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        record = start_emulator(folder, port, "us-east-1", 1000)
        with pytest.raises(EmulatorError, match=r"it ended:\n(?s:.*)already in use"):
            await_emulator(record, Endpoint(port, "us-east-1", "", ""), folder)


def test_the_processes_of_another_folder_are_left_alone(darkroom: Command, tmp_path: Path) -> None:
    another = StateFolder(tmp_path / "another")
    another.create()
    record = start_emulator(another, choose_ports(Ports.any_free()).emulator, "us-east-1", 1000)
    try:
        assert darkroom("down").returncode == 0
        assert find_process(record)
    finally:
        end_stack(another)
    assert _ended(record)


def test_up_leaves_an_ignored_hangup_ignored(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_HOME", str(home))
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with socket.socket() as other:
            other.bind((HOST, 0))
            other.listen()
            up = CliRunner().invoke(app, ["up", *_ANY_PORTS, "--edge-port", str(other.getsockname()[1])])
        assert up.exit_code == 1
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN, "expected what nohup ignores to stay ignored"
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
