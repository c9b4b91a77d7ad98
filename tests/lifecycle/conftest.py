"""Stacks that tests start and end themselves: each in a state folder of its own, on ports of its own."""

import pytest

from infra.local.endpoint import ACCOUNT
from infra.local.stack import ASSEMBLY
from infra.synth import synthesize


@pytest.fixture(scope="session", autouse=True)
def _synthesized() -> None:
    """Have the assembly ready, so that no test waits for it."""
    synthesize(ASSEMBLY, target="host", account=ACCOUNT)
