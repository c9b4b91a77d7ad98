import os
import socket
from pathlib import Path

import psutil
import pytest

from infra.local.endpoint import HOST
from infra.local.ports import BusyPortError, choose_ports
from infra.local.processes import find_process
from infra.local.state import HOME_VARIABLE, Ports, ProcessRecord, StackState, StateFolder, default_home

STATE = StackState(
    stage="dev", ports=Ports(), processes=(ProcessRecord(name="pipes", pid=7, started=1.5, home="/home"),)
)


def test_state_is_written_and_read(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)

    folder.write(STATE)

    assert folder.read() == STATE
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("content", ["", '{"stage": "dev", "por', "[]", "\x00\xff"])
def test_a_broken_state_file_reads_as_none(tmp_path: Path, content: str) -> None:
    folder = StateFolder(tmp_path)
    folder.file.write_text(content, encoding="latin-1")

    assert folder.read() is None


def test_the_state_folder_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    assert default_home() == tmp_path
    monkeypatch.delenv(HOME_VARIABLE)
    assert default_home().name == ".darkroom"


def test_a_process_is_identified_by_number_and_start() -> None:
    started = psutil.Process().create_time()

    assert find_process(ProcessRecord(name="me", pid=os.getpid(), started=started, home="/home")) is not None
    assert (
        find_process(ProcessRecord(name="who had my number", pid=os.getpid(), started=started - 100, home="/home"))
        is None
    )


def test_zero_is_any_free_port() -> None:
    ports = choose_ports(Ports.any_free())

    assert all(ports.model_dump().values())
    assert len(set(ports.model_dump().values())) == len(Ports.model_fields)


def test_a_busy_port_is_refused_with_advice() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        busy = other.getsockname()[1]

        with pytest.raises(BusyPortError, match=rf"expected port {busy} for the athena .* in use.*--athena-port"):
            choose_ports(Ports.any_free().model_copy(update={"athena": busy}))


def test_one_port_for_two_parts_is_refused() -> None:
    free = choose_ports(Ports.any_free()).edge

    with pytest.raises(BusyPortError, match=f"expected a port of its own for the edge but received {free} twice"):
        choose_ports(Ports.any_free().model_copy(update={"emulator": free, "edge": free}))
