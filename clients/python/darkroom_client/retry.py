"""Attempts with exponential backoff and full jitter: a crowd of clients does not come back all at once."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_random_exponential,
)

from darkroom_client.errors import TransientError, UnreachableError

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is tried, and the longest waits between, in seconds."""

    attempts: int = 10
    first_wait: float = 0.2
    longest_wait: float = 15.0

    def call(
        self, attempt: Callable[[], Result], what: str, on_retry: Callable[[], None], stopped: threading.Event
    ) -> Result:
        """Call ``attempt`` until it succeeds; ``on_retry`` is told of every attempt after the first.

        Once ``stopped`` is set there is no other attempt, and no wait for one.

        Raises:
            UnreachableError: no attempt succeeded; names ``what`` was tried.
            RefusedError: another attempt would not help.
        """
        retrying = Retrying(
            retry=retry_if_exception_type((httpx.TransportError, TransientError)),
            wait=_Wait(self),
            stop=stop_after_attempt(self.attempts) | stop_when_event_set(stopped),
            sleep=sleep_using_event(stopped),
            before_sleep=lambda _state: on_retry(),
            reraise=True,
        )
        try:
            return retrying(attempt)
        except (httpx.TransportError, TransientError) as error:
            raise UnreachableError(
                f"expected {what} within {self.attempts} attempts but received: {error or type(error).__name__}"
            ) from error


class _Wait:
    """Full jitter, but never sooner than the server advised."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._jitter = wait_random_exponential(multiplier=policy.first_wait, max=policy.longest_wait)
        self._longest = policy.longest_wait

    def __call__(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        advised = error.wait if isinstance(error, TransientError) else 0.0
        return min(advised, self._longest) + self._jitter(state)
