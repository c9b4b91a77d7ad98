"""How tasks retry, and the concurrency limits that all runs share through Prefect's server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.client.schemas.objects import State, TaskRun
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.tasks import Task

from lambdas.core.settings import Settings
from lambdas.core.takedown import NotErasedError


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Return whether a failed task may succeed on a retry: failures of AWS, not invalid input."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BotoCoreError | ClientError | NotErasedError)


READING: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "retries": 2,
    "retry_delay_seconds": [2, 10],
    "retry_condition_fn": is_transient,
}
REMOVING: dict[str, Any] = {**READING, "retries": 4, "retry_delay_seconds": [2, 10, 30, 60]}
"""More retries, because a removal must not stop halfway."""


class LimitMissingError(RuntimeError):
    """Prefect's server has no such limit; the message says how to create it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of slots for ``thing``, shared by all runs; the settings say how many."""

    thing: str
    slots: Callable[[Settings], int]

    def name(self, settings: Settings) -> str:
        """Return the limit's name in Prefect, which includes the stage."""
        return f"{settings.prefix}-{self.thing}"

    @contextmanager
    def hold(self, settings: Settings) -> Iterator[None]:
        """Wait for a slot without a timeout, and hold it for the duration of the block.

        Raises:
            LimitMissingError: the server has no such limit, which would otherwise limit nothing.
        """
        name = self.name(settings)
        with ExitStack() as held:
            try:
                held.enter_context(concurrency(name, strict=True))
            except ConcurrencySlotAcquisitionError as error:
                raise LimitMissingError(
                    f"expected a slot of the concurrency limit {name} but received: {error}; if the limit is"
                    f" missing, create it: python -m flows.setup --stage {settings.stage}"
                ) from error
            yield


ATHENA = Limit("athena", lambda settings: settings.analytics.concurrent_queries)
REPORT_INDEX = Limit("report-index", lambda _settings: 1)
LANES = Limit("lane-concurrency", lambda _settings: 1)  # concurrent changes would each use the same free executions
LIMITS = (ATHENA, REPORT_INDEX, LANES)


def ensure_limits(settings: Settings) -> None:
    """Create the missing limits and set the others to the settings' values."""
    with get_client(sync_client=True) as client:
        for limit in LIMITS:
            client.upsert_global_concurrency_limit_by_name(limit.name(settings), limit.slots(settings))


def create_missing_limits(settings: Settings) -> None:
    """Create the missing limits; leave the others, which an operator may have changed."""
    with get_client(sync_client=True) as client:
        for limit in LIMITS:
            name = limit.name(settings)
            try:
                client.read_global_concurrency_limit_by_name(name)
            except ObjectNotFound:
                with suppress(ObjectAlreadyExists):  # by a concurrent run
                    client.create_global_concurrency_limit(
                        GlobalConcurrencyLimitCreate(name=name, limit=limit.slots(settings))
                    )
