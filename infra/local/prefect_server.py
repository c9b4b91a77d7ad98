"""A Prefect server on loopback for flows that this machine runs, its database in the stack's state folder.

It takes half a minute to be ready where its database is new: start it early, behind everything else, and let
:meth:`PrefectServer.await_ready` wait for what is left of that. Run as ``python -m infra.local.prefect_server``.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from infra.local.endpoint import HOST
from infra.local.processes import ProcessError, find_process, log_tail, python_module, start_process
from infra.local.state import CHECKOUT, ProcessRecord, StateFolder

NAME = "prefect"
_PORT_VARIABLE = "DARKROOM_PREFECT_PORT"
_NICENESS_VARIABLE = "DARKROOM_PREFECT_NICENESS"
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
_READY_SECONDS = 180.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class PrefectServer:
    """A server that was started; it may not answer yet."""

    folder: StateFolder
    port: int
    record: ProcessRecord

    @property
    def url(self) -> str:
        """The base address of its API."""
        return f"http://{HOST}:{self.port}/api"

    def environment(self) -> dict[str, str]:
        """Return what a flow needs in its environment to report to this server."""
        return {"PREFECT_API_URL": self.url, **_private(self.folder)}

    def await_ready(self, *, seconds: float = _READY_SECONDS) -> None:
        """Wait until the server answers.

        Raises:
            ProcessError: it ended, or did not answer within ``seconds``.
        """
        log = self.folder.log(NAME)
        deadline = time.monotonic() + seconds
        with httpx.Client(trust_env=False, timeout=5) as client:
            while time.monotonic() < deadline:
                try:
                    if client.get(f"{self.url}/health").is_success:
                        return
                except httpx.TransportError:
                    pass
                if find_process(self.record) is None:
                    raise ProcessError(f"expected Prefect's server to run but it ended:\n{log_tail(log)}")
                time.sleep(_POLL_SECONDS)
        raise ProcessError(
            f"expected Prefect's server to answer at {self.url} within {seconds:g} s but it did not:\n{log_tail(log)}"
        )


@contextmanager
def prefect_server(folder: StateFolder, *, niceness: int = 10) -> Iterator[PrefectServer]:
    """Run a server for as long as the block lasts.

    Args:
        folder: of the stack; the server's log and database stand in it.
        niceness: how far behind other processes it stands for the processor, 0 (not at all) to 19.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    record = start_process(
        NAME,
        python_module("infra.local.prefect_server"),
        home=folder.home,
        environment={
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **_private(folder),
            "PREFECT_UI_ENABLED": "false",
            "TMPDIR": str(folder.scratch),
            _PORT_VARIABLE: str(port),
            _NICENESS_VARIABLE: str(niceness),
        },
        log=folder.log(NAME),
        folder=CHECKOUT,
    )
    try:
        yield PrefectServer(folder, port, record)
    finally:
        if process := find_process(record):
            process.kill()  # nothing of it is kept: a graceful end would only take its time
            process.wait()


def _private(folder: StateFolder) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(folder.home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def main() -> None:
    """Serve until told to stop."""
    os.nice(int(os.environ[_NICENESS_VARIABLE]))
    # Imported late: both are heavy, and whoever starts a server needs neither.
    import uvicorn
    from prefect.server.api.server import create_app

    uvicorn.run(create_app(ephemeral=True), host=HOST, port=int(os.environ[_PORT_VARIABLE]), log_level="warning")


if __name__ == "__main__":
    main()
