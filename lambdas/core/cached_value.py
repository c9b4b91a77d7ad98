"""A value read from a service, held for a while: read neither for each request nor for ever."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from lambdas.core.observability import logger

Value = TypeVar("Value")


class CachedValue(Generic[Value]):
    """What ``read`` returned last.

    Args:
        read: asks the service; what it raises reaches the caller only while nothing is held yet.
        seconds: after this the value is read again.
        refresh_seconds: shortest time between two readings, whatever is asked.
        clock: seconds, from any beginning.
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
        """Return the value, read again if it is too old."""
        return self._read_after(self._seconds)

    def refreshed(self) -> Value:
        """Return the value as it is now, or as it was less than ``refresh_seconds`` ago."""
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
            # What was good a moment ago serves better than none while the service is away.
            logger.exception("A held value could not be read again")
            value = self._held[0]
        self._held, self._read_at = (value,), now
        return value
