"""Limits that all runs of all flows share, kept by Prefect's server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from lambdas.core.settings import Settings


class LimitMissingError(RuntimeError):
    """Prefect's server gave no slot of a limit, as it knows none of the name; the message says how to make it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How much of ``thing`` is used at once, by every run together: a number of slots that the settings say."""

    thing: str
    slots: Callable[[Settings], int]

    def name(self, settings: Settings) -> str:
        """Return what Prefect calls the limit of the settings' stage."""
        return f"{settings.prefix}-{self.thing}"

    @contextmanager
    def hold(self, settings: Settings) -> Iterator[None]:
        """Hold one slot for as long as the block lasts, and wait for it as long as it takes.

        Raises:
            LimitMissingError: the server has no such limit, which else would limit nothing.
        """
        name = self.name(settings)
        with ExitStack() as held:
            try:
                held.enter_context(concurrency(name, strict=True))
            except ConcurrencySlotAcquisitionError as error:
                raise LimitMissingError(
                    f"expected a slot of the concurrency limit {name} but received: {error}; where the limit is "
                    f"missing, make it: python -m flows.setup --stage {settings.stage}"
                ) from error
            yield


ATHENA = Limit("athena", lambda settings: settings.analytics.concurrent_questions)
REPORT_INDEX = Limit("report-index", lambda _settings: 1)
LANES = Limit("lane-concurrency", lambda _settings: 1)  # two changes at once would each take the other's room
LIMITS = (ATHENA, REPORT_INDEX, LANES)


def ensure_limits(settings: Settings) -> None:
    """Make every limit that the server lacks, and set the others to what the settings say."""
    with get_client(sync_client=True) as client:
        for limit in LIMITS:
            client.upsert_global_concurrency_limit_by_name(limit.name(settings), limit.slots(settings))


def make_missing_limits(settings: Settings) -> None:
    """Make every limit that the server lacks; leave the others, which an operator may have changed there."""
    with get_client(sync_client=True) as client:
        for limit in LIMITS:
            name = limit.name(settings)
            try:
                client.read_global_concurrency_limit_by_name(name)
            except ObjectNotFound:
                with suppress(ObjectAlreadyExists):  # by another run, just now
                    client.create_global_concurrency_limit(
                        GlobalConcurrencyLimitCreate(name=name, limit=limit.slots(settings))
                    )
