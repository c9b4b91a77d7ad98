"""What a benchmark is doing, for whoever waits."""

from collections.abc import Callable
from datetime import UTC, datetime

from rich.progress import Progress

Step = Callable[[str, int], Callable[[int], None]]
"""Told what begins and of how many parts it is; returns what to tell as they are done."""


def steps(progress: Progress) -> Step:
    """Return a step that is shown as a bar in ``progress``, or as a line where the output is no terminal."""

    def begin(description: str, parts: int) -> Callable[[int], None]:
        if not progress.console.is_terminal:
            progress.console.print(f"{datetime.now(UTC):%H:%M:%S} {description}")
        task = progress.add_task(description, total=parts)
        return lambda count: progress.advance(task, count)

    return begin
