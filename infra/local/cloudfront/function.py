"""CloudFront Functions: loaded into one Node process, run there, and the process replaced when it fails."""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from infra.local.cloudfront.function_process import FunctionError, FunctionProcess
from infra.node import node_executable

# CloudFront stops a function after about a millisecond of CPU; this only ends one that would never return.
DEADLINE_SECONDS = 10.0
_LOAD_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FunctionCode:
    """A published function: its JavaScript, and the key-value store that it is associated with.

    ``keys`` are the store's pairs, ``store_arn`` is None where the function has no store.
    """

    name: str
    source: str
    keys: Mapping[str, str] = field(default_factory=dict)
    store_arn: str | None = None


class FunctionRuntime:
    """Runs the functions that it was given, one process for all."""

    def __init__(self, functions: Mapping[str, FunctionCode], node: Path | None = None) -> None:
        self._functions = dict(functions)
        self._node = node or node_executable()
        self._process: FunctionProcess | None = None
        self._numbers = itertools.count()
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Start Node and load every function.

        Raises:
            FunctionError: a function is no module with a ``handler``.
        """
        self._process = process = await FunctionProcess.start(self._node)
        for function in self._functions.values():
            message = {"load": function.name, "source": function.source, "keys": dict(function.keys)}
            await process.ask(function.name, json.dumps(message), seconds=_LOAD_SECONDS)

    async def run(self, name: str, event: dict[str, Any], log: Callable[[str], None] | None = None) -> Any:
        """Return what the function ``name`` returns for ``event``; ``log`` takes what it has for the access log.

        Raises:
            FunctionError: it raised, was not loaded, or ran beyond its deadline.
        """
        if name not in self._functions:
            raise FunctionError(f"expected one of {sorted(self._functions)} to run but received {name!r}")
        process = await self._living_process()
        number = next(self._numbers)
        reply = await process.ask(number, f"{number} {name} {json.dumps(event)}", seconds=DEADLINE_SECONDS)
        if log is not None and reply.get("logged"):
            log(reply["logged"])
        return reply.get("result")

    async def put_keys(self, name: str, keys: Mapping[str, str]) -> None:
        """Have the function ``name`` read ``keys`` in its key-value store from now on.

        Raises:
            FunctionError: the process does not answer; a new one would have them.
        """
        if self._functions[name].keys == keys:
            return
        self._functions[name] = replace(self._functions[name], keys=keys)
        process = await self._living_process()
        message = json.dumps({"keysOf": name, "pairs": dict(keys)})
        await process.ask(f"keys of {name}", message, seconds=DEADLINE_SECONDS)

    async def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            await process.stop()

    async def _living_process(self) -> FunctionProcess:
        async with self._starting:
            if self._process is None or self._process.has_ended:
                await self.stop()
                await self.start()
            if self._process is None:
                raise FunctionError("expected the function runtime to run but it was stopped")
            return self._process
