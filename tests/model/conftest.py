from collections.abc import Iterator

import pytest
from world import installed


@pytest.fixture(scope="module")
def model() -> Iterator[None]:
    """Put the model below the handlers."""
    with installed():
        yield
