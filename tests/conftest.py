"""What holds for every test: one local stack for all that need one; nothing left in the home of whoever runs them."""

import os
import tempfile
from collections.abc import Iterator

import pytest

from infra.local.stack import LocalStack
from infra.local.state import Ports

# Prefect makes its home when it is imported.
_PREFECT_HOME = tempfile.TemporaryDirectory(prefix="darkroom-tests-prefect-", ignore_cleanup_errors=True)
os.environ["PREFECT_HOME"] = _PREFECT_HOME.name


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
