"""Fixtures for every test: the local stack and its Prefect server, each started once a session by the first test."""

import os
import signal
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from lambdas.core.settings import DEFAULT_STAGE, STAGE_VARIABLE

if TYPE_CHECKING:
    from deployment_runs import Prefect

    from infra.local.stack import LocalStack

# Prefect makes its home when it is imported.
_PREFECT_HOME = tempfile.TemporaryDirectory(prefix="darkroom-tests-prefect-", ignore_cleanup_errors=True)
os.environ["PREFECT_HOME"] = _PREFECT_HOME.name
# Functions have no default stage.
os.environ.setdefault(STAGE_VARIABLE, DEFAULT_STAGE)

# No deadline of its own for an example: a busy machine is slow. pytest-timeout ends what hangs.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("steady"), max_examples=1000)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """End the stack when a session is interrupted or terminated, also one that a shell runs in the background.

    Such a shell has SIGINT ignored, which would be inherited by every process that a test starts.
    """
    if hasattr(config, "workerinput"):
        return
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, _frame: object) -> None:
    pytest.exit("terminated", returncode=128 + number)


@pytest.fixture(scope="session", autouse=True)
def _remove_prefect_home() -> Iterator[None]:
    yield
    _PREFECT_HOME.cleanup()


# Imports are inside the fixtures: unit tests need none of them, and they take a second.


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator["LocalStack"]:
    """Start the local stack on free ports, in a state folder of its own."""
    from infra.local.stack import LocalStack
    from infra.local.state import Ports

    running = LocalStack.start(Ports.any_free(), tmp_path_factory.mktemp("stack") / "home")
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def prefect(stack: "LocalStack") -> str:
    """Add a Prefect server to the local stack; return the address of its API."""
    from infra.local.parts import PREFECT

    stack.add(PREFECT)
    return f"{stack.prefect_url}/api"


@pytest.fixture(scope="session")
def served(stack: "LocalStack", prefect: str) -> Iterator["Prefect"]:
    """Serve every deployment on the local stack, none of them on its schedule."""
    from deployment_runs import Prefect

    from infra.local.parts import FLOWS

    assert prefect
    stack.add(FLOWS)
    runs = Prefect(stack)
    runs.pause_schedules()
    yield runs
    runs.close()
