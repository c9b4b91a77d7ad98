"""One local stack for all tests of this folder: free ports, a state folder of its own, ended with the session."""

from collections.abc import Iterator

import pytest

from infra.local.stack import LocalStack
from infra.local.state import Ports

ANY_PORTS = Ports(emulator=0, edge=0, athena=0)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    running = LocalStack.start(ANY_PORTS, tmp_path_factory.mktemp("stack") / "home")
    try:
        yield running
    finally:
        running.stop()
