"""What holds for every test: one local stack for all that need one; nothing left in the home of whoever runs them."""

import os
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from deployment_runs import Prefect
from xdist.scheduler import LoadScopeScheduling

from infra.local.parts import FLOWS, PREFECT
from infra.local.stack import LocalStack
from infra.local.state import Ports
from lambdas.core.settings import DEFAULT_STAGE, STAGE_VARIABLE

_ON_THE_STACK = ("tests/local/", "tests/browser/", "tests/deployments/")

# Prefect makes its home when it is imported.
_PREFECT_HOME = tempfile.TemporaryDirectory(prefix="darkroom-tests-prefect-", ignore_cleanup_errors=True)
os.environ["PREFECT_HOME"] = _PREFECT_HOME.name
# Functions have no default stage.
os.environ.setdefault(STAGE_VARIABLE, DEFAULT_STAGE)


class _ByStack(LoadScopeScheduling):
    """All that needs the local stack goes to one worker, which starts it once; every other module to any."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return "the stack" if module.startswith(_ON_THE_STACK) else module


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Divide the tests among workers, where there are any."""
    return _ByStack(config, log)


@pytest.fixture(scope="session", autouse=True)
def _remove_prefects_home() -> Iterator[None]:
    yield
    _PREFECT_HOME.cleanup()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Start the local stack on free ports, in a state folder of its own."""
    running = LocalStack.start(Ports.any_free(), tmp_path_factory.mktemp("stack") / "home")
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def prefect(stack: LocalStack) -> str:
    """Have the local stack run a Prefect server too; return the address of its API."""
    stack.add(PREFECT)
    return f"{stack.prefect_url}/api"


@pytest.fixture(scope="session")
def served(stack: LocalStack, prefect: str) -> Iterator[Prefect]:
    """Have the local stack serve every deployment, none of them on its schedule."""
    assert prefect
    stack.add(FLOWS)
    runs = Prefect(stack)
    runs.pause_schedules()
    yield runs
    runs.close()
