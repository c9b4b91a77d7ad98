"""A value read from a service and cached for a while."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from lambdas.core.observability import logger

Value = TypeVar("Value")


class CachedValue(Generic[Value]):
    """The cached result of ``read``.

    Powertools' parameters cache by age as well, but neither limit the rate of forced reads, which an unknown key id
    causes, nor serve the old value while the service is down.

    Args:
        read: reads from the service. Its errors reach the caller only while no value is cached.
        seconds: age at which ``get`` reads the value again.
        refresh_seconds: age at which ``refreshed`` reads it again: the shortest time between two reads.
        clock: seconds since any fixed moment.
    """

    def __init__(
        self,
        read: Callable[[], Value],
        *,
        seconds: float,
        refresh_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._held: tuple[Value] | None = None
        self._read_at = 0.0

    def get(self) -> Value:
        """Return the value, at most ``seconds`` old."""
        return self._read_after(self._seconds)

    def refreshed(self) -> Value:
        """Return the value, at most ``refresh_seconds`` old."""
        return self._read_after(self._refresh_seconds)

    def _read_after(self, seconds: float) -> Value:
        now = self._clock()
        if self._held is not None and now - self._read_at < seconds:
            return self._held[0]
        try:
            value = self._read()
        except Exception:
            if self._held is None:
                raise
            # While the service is down, the old value is better than none.
            logger.exception("A cached value could not be refreshed")
            value = self._held[0]
        self._held, self._read_at = (value,), now
        return value
