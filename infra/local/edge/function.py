"""CloudFront Functions, run in one Node process that this module starts, feeds and replaces when it fails."""

import asyncio
import contextlib
import itertools
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.node import node_executable

_RUNTIME = Path(__file__).with_name("function_runtime.mjs")
# CloudFront stops a function after about a millisecond of CPU; this only ends one that would never return.
DEADLINE_SECONDS = 2.0
_LINE_LIMIT_BYTES = 8 * 1024 * 1024


class FunctionError(RuntimeError):
    """A function could not be loaded, raised, or did not return in time."""


@dataclass(frozen=True, slots=True)
class FunctionCode:
    """A published function: its JavaScript, and the pairs of the key-value store that it is associated with."""

    name: str
    source: str
    keys: Mapping[str, str] = field(default_factory=dict)


class FunctionRuntime:
    """Runs the functions that it was given, one process for all."""

    def __init__(self, functions: Mapping[str, FunctionCode], node: Path | None = None) -> None:
        self._functions = dict(functions)
        self._node = node or node_executable()
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._pending: dict[object, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count()
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Start Node and load every function.

        Raises:
            FunctionError: a function is no module with a ``handler``.
        """
        self._process = await asyncio.create_subprocess_exec(
            str(self._node),
            "--experimental-vm-modules",
            "--disable-warning=ExperimentalWarning",
            str(_RUNTIME),
            stdin=PIPE,
            stdout=PIPE,
            limit=_LINE_LIMIT_BYTES,
        )
        self._reader = asyncio.create_task(self._read(self._process))
        for function in self._functions.values():
            message = {"load": function.name, "source": function.source, "keys": dict(function.keys)}
            await self._ask(function.name, message, seconds=10)

    async def run(self, name: str, event: dict[str, Any]) -> Any:
        """Return what the function ``name`` returns for ``event``.

        Raises:
            FunctionError: it raised, was not loaded, or ran beyond its deadline.
        """
        if name not in self._functions:
            raise FunctionError(f"expected one of {sorted(self._functions)} to run but received {name!r}")
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                await self.start()
        number = next(self._numbers)
        message = {"id": number, "function": name, "event": json.dumps(event)}
        return (await self._ask(number, message, seconds=DEADLINE_SECONDS)).get("result")

    async def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
        if self._reader is not None:
            await self._reader

    async def _ask(self, token: object, message: dict[str, Any], *, seconds: float) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None:
            raise FunctionError("expected the function runtime to run but it was stopped")
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[token] = reply
        process.stdin.write(json.dumps(message).encode() + b"\n")
        try:
            received = await asyncio.wait_for(reply, seconds)
        except TimeoutError as error:
            # Node runs one function at a time: one that never returns would hold up all others.
            process.kill()
            raise FunctionError(f"expected the function to return within {seconds:g} s but it did not") from error
        finally:
            self._pending.pop(token, None)
        if received.get("error"):
            raise FunctionError(received["error"])
        return received

    async def _read(self, process: Process) -> None:
        if process.stdout is None:
            return
        with contextlib.suppress(ValueError):
            while line := await process.stdout.readline():
                message = json.loads(line)
                reply = self._pending.get(message["load"] if "load" in message else message.get("id"))
                if reply is not None and not reply.done():
                    reply.set_result(message)
        for reply in self._pending.values():
            if not reply.done():
                reply.set_result({"error": "the function runtime ended"})
