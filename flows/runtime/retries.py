"""Which failures of a task pass by themselves: those of AWS, and not a refusal of what was asked for."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from lambdas.core.takedown import NotErasedError


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell whether what failed may succeed on another try."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BotoCoreError | ClientError | NotErasedError)


READING: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "retries": 2,
    "retry_delay_seconds": [2, 10],
    "retry_condition_fn": may_pass,
}
REMOVING: dict[str, Any] = {**READING, "retries": 4, "retry_delay_seconds": [2, 10, 30, 60]}
"""Longer, for the edge takes only so many orders at once, and half a removal is none."""
