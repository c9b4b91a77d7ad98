"""What runs beside the emulator, each as a process of its own.

:data:`PARTS` fill the emulator's gaps; :data:`PREFECT`, :data:`FLOWS` and :data:`LAB` are for its operator,
and :data:`SUPERVISOR` starts again what dies.
"""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from infra.local.endpoint import HOST, Endpoint
from infra.local.guard import TOKEN_VARIABLE
from infra.local.processes import ProcessError, find_process, log_tail, python_module, start_process
from infra.local.state import CHECKOUT, HOME_VARIABLE, Ports, ProcessRecord, StateFolder
from lambdas.core.settings import FILE_VARIABLE, settings_path

_POLL_SECONDS = 0.02
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


@dataclass(frozen=True, slots=True)
class Part:
    """A process in place of an AWS service, or one that uses the stack as it would use AWS.

    ``module`` is run as ``python -m <module>``.
    """

    name: str
    stands_for: str
    module: str
    health_path: str | None = None  # None: it does not listen
    needs_stacks: bool = True  # whether the stacks must be deployed before it starts

    @property
    def command(self) -> list[str]:
        """What is run."""
        return python_module(self.module)

    def port(self, ports: Ports) -> int | None:
        """Return the port that the part listens on, or None."""
        return int(getattr(ports, self.name)) if self.health_path else None


PARTS = (
    Part("pipes", "EventBridge Pipes", "infra.local.pipes.runner"),
    Part("edge", "CloudFront", "infra.local.cloudfront", "/_edge/health"),
    Part("athena", "Athena's SQL", "infra.local.athena", "/", needs_stacks=False),
    Part("batch", "S3 Batch Operations", "infra.local.s3_batch", "/_batch/health", needs_stacks=False),
)


PREFECT = Part("prefect", "Prefect's server", "infra.local.prefect", "/api/health")
FLOWS = Part("flows", "a Prefect worker", "flows.serve")
SUPERVISOR = Part("supervisor", "AWS's own operators", "infra.local.supervisor")
LAB = Part("lab", "JupyterLab", "infra.local.jupyterlab", "/api")


def part_environment(folder: StateFolder, ports: Ports, endpoint: Endpoint, stage: str) -> dict[str, str]:
    """Return a part's whole environment: the emulator's address, the stack's keys and folder, ports and stage.

    A part reads ``DARKROOM_HOME``, ``DARKROOM_STAGE``, ``DARKROOM_SETTINGS`` and its port, as ``DARKROOM_EDGE_PORT``.
    """
    return {
        **{name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("DARKROOM_")},
        **endpoint.environment(),
        TOKEN_VARIABLE: folder.keys().token,
        HOME_VARIABLE: str(folder.home),
        **{f"DARKROOM_{name.upper()}_PORT": str(port) for name, port in ports.model_dump().items()},
        "DARKROOM_STAGE": stage,
        FILE_VARIABLE: str(settings_path().resolve()),
        "TMPDIR": str(folder.scratch),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "*",
    }


def start_part(part: Part, folder: StateFolder, environment: Mapping[str, str]) -> ProcessRecord:
    """Start ``part``; it may not listen yet when this returns."""
    return start_process(
        part.name,
        part.command,
        home=folder.home,
        environment=environment,
        log=folder.log(part.name),
        folder=CHECKOUT,
    )


def await_part(part: Part, record: ProcessRecord, ports: Ports, folder: StateFolder, *, seconds: float = 60) -> None:
    """Wait until ``part`` listens on its port, if it has one.

    Raises:
        ProcessError: it ended, or did not listen within ``seconds``.
    """
    port = part.port(ports)
    deadline = time.monotonic() + seconds
    while True:
        if find_process(record) is None:
            raise ProcessError(f"expected the {part.name} to run but it ended:\n{log_tail(folder.log(part.name))}")
        if port is None or _listens(port):
            return
        if time.monotonic() > deadline:
            raise ProcessError(
                f"expected the {part.name} to listen on port {port} within {seconds:g} s but it does not:\n"
                f"{log_tail(folder.log(part.name))}"
            )
        time.sleep(_POLL_SECONDS)


def _listens(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
