"""Request collapsing: simultaneous requests for one cache key become one request to the origin."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Collapser(Generic[T]):
    """Runs one fetch a key at a time; whoever asks meanwhile waits for the same outcome."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[T]] = {}

    def is_running(self, key: str) -> bool:
        """Tell whether a fetch for ``key`` is under way."""
        return key in self._running

    async def run(self, key: str, fetch: Callable[[], Awaitable[T]]) -> T:
        """Return the outcome of ``fetch``, or of the one that runs for ``key`` already.

        A caller that goes away takes nothing from the others: the fetch runs on.
        """
        return await asyncio.shield(self.begin(key, fetch))

    def begin(self, key: str, fetch: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        """Start ``fetch`` unless one runs for ``key``, and return the running one."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.ensure_future(self._fetch(key, fetch))
            self._running[key] = task
        return task

    async def finish(self) -> None:
        """Wait for whatever is under way."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _fetch(self, key: str, fetch: Callable[[], Awaitable[T]]) -> T:
        try:
            return await fetch()
        finally:
            self._running.pop(key, None)
