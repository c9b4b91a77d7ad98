"""MiniStack, the emulator of AWS: IAM enforced, on loopback only, all its files in the state folder.

Run as ``python -m infra.local.emulator.server``, by :func:`start_emulator`.
"""

import importlib
import os
import time
from pathlib import Path

import httpx

from infra.local.endpoint import HOST, Endpoint
from infra.local.errors import LocalStackError
from infra.local.guard import TOKEN_HEADER, TOKEN_VARIABLE
from infra.local.processes import find_process, log_tail, python_module, start_process
from infra.local.state import CHECKOUT, OwnerKeys, ProcessRecord, StateFolder

NAME = "emulator"
HEALTH_PATH = "/_ministack/health"
_POLL_SECONDS = 0.02
# Handlers run inside the emulator and must not see the rest of the caller's environment.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


# In this order: some wrap what others replaced.
PATCHES = (
    "authorization",
    "fidelity",
    "step_functions",
    "object_reads",
    "object_writes",
    "limits",
    "handler_python",
    "worker_pool",
    "service_metrics",
    "stack_operations",
    "invalidations",
)


class EmulatorError(LocalStackError):
    """The emulator ended or did not respond; the message has the tail of its log."""


def emulator_environment(port: int, region: str, scratch: Path, concurrency: int, keys: OwnerKeys) -> dict[str, str]:
    """Return the emulator's whole environment.

    Args:
        port: TCP port on loopback.
        region: the region of requests without one.
        scratch: its TMPDIR; killed workers leave folders there.
        concurrency: Lambda's quota of concurrent executions.
        keys: the stack's.
    """
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        TOKEN_VARIABLE: keys.token,
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": region,
        "LAMBDA_ACCOUNT_CONCURRENCY": str(concurrency),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(scratch),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "*",
    }


def start_emulator(folder: StateFolder, port: int, region: str, concurrency: int) -> ProcessRecord:
    """Start the emulator; it does not respond yet when this returns."""
    return start_process(
        NAME,
        python_module("infra.local.emulator.server"),
        home=folder.home,
        environment=emulator_environment(port, region, folder.scratch, concurrency, folder.keys()),
        log=folder.log(NAME),
        folder=CHECKOUT,
    )


def await_emulator(record: ProcessRecord, endpoint: Endpoint, folder: StateFolder, *, seconds: float = 60) -> None:
    """Wait until the emulator is healthy.

    Raises:
        EmulatorError: it ended, or did not answer within ``seconds``.
    """
    log = folder.log(record.name)
    deadline = time.monotonic() + seconds
    with httpx.Client(trust_env=False, timeout=2, headers={TOKEN_HEADER: folder.keys().token}) as client:
        while time.monotonic() < deadline:
            try:
                if client.get(f"{endpoint.url}{HEALTH_PATH}").is_success:
                    return
            except httpx.TransportError:
                pass
            if find_process(record) is None:
                raise EmulatorError(f"expected the emulator to run but it ended:\n{log_tail(log)}")
            time.sleep(_POLL_SECONDS)
    raise EmulatorError(
        f"expected the emulator to answer at {endpoint.url} within {seconds:g} s but it did not:\n{log_tail(log)}"
    )


def main() -> None:
    """Run the emulator in this process, with the patches applied."""
    from infra.local.emulator import access

    # Workers inherit this environment; functions have credentials of their own.
    token = os.environ.pop(TOKEN_VARIABLE)
    access.apply_patches(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], token)
    for module in PATCHES:
        importlib.import_module(f"infra.local.emulator.{module}").apply_patches()
    from ministack.app import main as run

    run()


if __name__ == "__main__":
    main()
