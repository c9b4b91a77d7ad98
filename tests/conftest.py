"""What holds for every test: one local stack for all that need one; nothing left in the home of whoever runs them."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployment_runs import Prefect

from infra.local.parts import FLOWS, PREFECT
from infra.local.stack import LocalStack
from infra.local.state import Ports

_TESTS = Path(__file__).parent
_ON_THE_STACK = {"local", "browser"}

# Prefect makes its home when it is imported.
_PREFECT_HOME = tempfile.TemporaryDirectory(prefix="darkroom-tests-prefect-", ignore_cleanup_errors=True)
os.environ["PREFECT_HOME"] = _PREFECT_HOME.name


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all that needs the local stack to one worker, which starts it once, and every other module to any."""
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0]
        on_the_stack = folder in _ON_THE_STACK or "stack" in getattr(item, "fixturenames", ())
        group = "stack" if on_the_stack else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


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
