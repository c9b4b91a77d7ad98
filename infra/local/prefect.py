"""Prefect's server on loopback, its database in the state folder: ``python -m infra.local.prefect``.

It takes more than ten seconds to be ready, so it is started first and waited for last.
"""

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import httpx
import yaml

from infra.local.endpoint import HOST
from infra.local.guard import TOKEN_VARIABLE, Guard
from infra.local.processes import ProcessError, find_process, log_tail, python_module
from infra.local.state import CHECKOUT, HOME_VARIABLE, ProcessRecord, StateFolder

_PORT_VARIABLE = "DARKROOM_PREFECT_PORT"
_NICENESS = 5
_READY_SECONDS = 180.0
_POLL_SECONDS = 0.1
_BUILD = CHECKOUT / "build" / "prefect"


def auth_string(token: str) -> str:
    """Return what opens Prefect: its UI asks for it as one password."""
    return f"darkroom:{token}"


def prefect_environment(folder: StateFolder) -> dict[str, str]:
    """Return the variables with which Prefect keeps its files in ``folder`` and stays off the network."""
    return {
        "PREFECT_HOME": str(folder.home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(_BUILD / "ui"),
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",  # seconds; a flow run that is started in the UI waits this long
        "DO_NOT_TRACK": "1",
    }


def await_server(record: ProcessRecord, port: int, log: Path) -> None:
    """Wait until the server on ``port`` answers.

    Raises:
        ProcessError: it ended, or did not answer in time.
    """
    url = f"http://{HOST}:{port}/api"
    _await(record, log, f"Prefect's server to answer at {url}", lambda client: client.get(f"{url}/health").is_success)


def await_deployments(record: ProcessRecord, port: int, log: Path, token: str) -> None:
    """Wait until the process of ``record`` serves every deployment of ``prefect.yaml``.

    Raises:
        ProcessError: it ended, or had not registered them in time.
    """
    listed = len(yaml.safe_load((CHECKOUT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"])
    url = f"http://{HOST}:{port}/api/deployments/count"
    _await(
        record, log, f"{listed} deployments to be served",
        lambda client: client.post(url, json={}, auth=("darkroom", token)).raise_for_status().json() >= listed,
    )  # fmt: skip


def _await(record: ProcessRecord, log: Path, what: str, condition: Callable[[httpx.Client], bool]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < deadline:
            try:
                if condition(client):
                    return
            except httpx.TransportError:
                pass
            if find_process(record) is None:
                raise ProcessError(f"expected {what} but {record.name} ended:\n{log_tail(log)}")
            time.sleep(_POLL_SECONDS)
    raise ProcessError(f"expected {what} within {_READY_SECONDS:g} s but it did not happen:\n{log_tail(log)}")


def provide_database(templates: Path, home: Path) -> None:
    """Copy the template database of this Prefect version into ``home``, so that its migrations run once a version.

    An existing database is left as it is. ``templates`` is the folder of templates; this version's is made if missing.
    """
    database = home / "prefect.db"
    if database.is_file():
        return
    template = templates / f"{version('prefect')}.db"
    if not template.is_file():
        templates.mkdir(parents=True, exist_ok=True)
        _make(template)
    home.mkdir(parents=True, exist_ok=True)
    _copy(template, database)


def _make(template: Path) -> None:
    # Written under another name, then renamed: another stack may be starting at the same time.
    # By a process of its own: Prefect keeps the first database that a process opens.
    part = template.with_name(f"{template.stem}-{os.getpid()}.part")
    whole = part.with_suffix(".whole")
    subprocess.run(
        python_module("prefect", "server", "database", "upgrade", "--yes"),
        env=os.environ | {"PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{part}"},
        check=True,
    )
    _copy(part, whole)
    whole.replace(template)
    for rest in part.parent.glob(f"{part.name}*"):
        rest.unlink()


def _copy(source: Path, target: Path) -> None:
    """Copy a whole database, its write-ahead log included."""
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as write:
        read.backup(write)


def main() -> None:
    """Serve API and UI until stopped."""
    os.nice(_NICENESS)
    port = int(os.environ[_PORT_VARIABLE])
    # Where its pages and links point; the default is Prefect's usual port.
    os.environ["PREFECT_UI_API_URL"] = f"http://{HOST}:{port}/api"
    os.environ["PREFECT_UI_URL"] = os.environ["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] = f"http://{HOST}:{port}"
    os.environ["PREFECT_SERVER_API_AUTH_STRING"] = auth_string(os.environ[TOKEN_VARIABLE])
    # Imported late: both are heavy, and the process that starts the server needs neither.
    import uvicorn
    from prefect.server.api.server import create_app

    provide_database(_BUILD, Path(os.environ[HOME_VARIABLE]) / "prefect")
    uvicorn.run(Guard(create_app(final=True)), host=HOST, port=port, log_level="warning")


if __name__ == "__main__":
    main()
