"""What holds for every test: nothing is left in the home of whoever runs them."""

import os
import tempfile
from collections.abc import Iterator

import pytest

# Prefect makes its home when it is imported.
_PREFECT_HOME = tempfile.TemporaryDirectory(prefix="darkroom-tests-prefect-", ignore_cleanup_errors=True)
os.environ["PREFECT_HOME"] = _PREFECT_HOME.name


@pytest.fixture(scope="session", autouse=True)
def _remove_prefects_home() -> Iterator[None]:
    yield
    _PREFECT_HOME.cleanup()
