"""The processes that a function's handler runs in, on the local stack: what faults kill."""

from contextlib import suppress

import psutil

from infra.local.processes import find_process
from infra.local.stack import LocalStack


def workers(stack: LocalStack, function: str) -> list[psutil.Process]:
    """Return the live processes that ``function``, by its name on AWS, runs in."""
    emulator = find_process(stack.state.processes[0])
    assert emulator is not None
    found = []
    for child in emulator.children(recursive=True):
        with suppress(psutil.Error):  # it ended since they were listed
            if child.environ().get("AWS_LAMBDA_FUNCTION_NAME") == function:
                found.append(child)
    return found
