"""CloudFront Functions, run in one Node process, which is replaced when it fails.

The process is written to and read from in lines; ``function_runtime.mjs`` is its side.
"""

import asyncio
import contextlib
import itertools
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from infra.node import node_executable

_RUNTIME = Path(__file__).with_name("function_runtime.mjs")
_CHUNK_BYTES = 1024 * 1024


class FunctionError(RuntimeError):
    """A function could not be loaded, raised, or did not return in time."""


class FunctionProcess:
    """A running process. After a failure of the process itself it has ended and is not restarted."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._pending: dict[object, asyncio.Future[dict[str, Any]]] = {}
        self._outgoing: list[bytes] = []
        self._ended = False
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, node: Path) -> "FunctionProcess":
        """Start ``node`` with the runtime, no function loaded."""
        process = await asyncio.create_subprocess_exec(
            str(node),
            "--experimental-vm-modules",
            "--disable-warning=ExperimentalWarning",
            str(_RUNTIME),
            stdin=PIPE,
            stdout=PIPE,
            limit=_CHUNK_BYTES,
        )
        return cls(process)

    @property
    def has_ended(self) -> bool:
        """Return whether the process has ended."""
        return self._ended

    async def ask(self, token: object, message: str, *, seconds: float) -> dict[str, Any]:
        """Send the line ``message`` and return the reply that carries ``token``.

        Raises:
            FunctionError: the reply is an error, the process ended, or no reply came within ``seconds``.
        """
        if self._ended or self._process.stdin is None:
            raise FunctionError("expected the function runtime to run but it has ended")
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._pending[token] = reply
        self._send(message, loop)
        deadline = loop.call_later(seconds, self._expire, reply, seconds)
        try:
            received = await reply
        finally:
            deadline.cancel()
            self._pending.pop(token, None)
        if received.get("error"):
            raise FunctionError(received["error"])
        return received

    async def stop(self) -> None:
        """End the process, and wait until it is gone."""
        self._end()
        await self._process.wait()
        await self._reader

    def _send(self, message: str, loop: asyncio.AbstractEventLoop) -> None:
        """Write ``message`` in one batch with the others of this round of the event loop."""
        if not self._outgoing:
            loop.call_soon(self._flush)
        self._outgoing.append(message.encode())

    def _flush(self) -> None:
        lines, self._outgoing = self._outgoing, []
        if self._process.stdin is not None and not self._ended:
            self._process.stdin.write(b"\n".join(lines) + b"\n")

    def _expire(self, reply: asyncio.Future[dict[str, Any]], seconds: float) -> None:
        # Node runs one function at a time: one that never returns would block all others.
        self._end()
        if not reply.done():
            reply.set_exception(FunctionError(f"expected the function to return within {seconds:g} s but it did not"))

    def _end(self) -> None:
        self._ended = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _read(self) -> None:
        stream, unfinished = self._process.stdout, b""
        while stream is not None and (received := await stream.read(_CHUNK_BYTES)):
            *lines, unfinished = (unfinished + received).split(b"\n")
            for line in lines:
                message = json.loads(line)
                reply = self._pending.get(_token(message))
                if reply is not None and not reply.done():
                    reply.set_result(message)
        self._ended = True
        for reply in self._pending.values():
            if not reply.done():
                reply.set_result({"error": "the function runtime ended"})


def _token(message: dict[str, Any]) -> object:
    if "keysOf" in message:
        return f"keys of {message['keysOf']}"
    return message["load"] if "load" in message else message.get("id")


# CloudFront stops a function after about a millisecond of CPU; this only ends one that never returns.
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
            FunctionError: a function has no ``handler``.
        """
        self._process = process = await FunctionProcess.start(self._node)
        for function in self._functions.values():
            message = {"load": function.name, "source": function.source, "keys": dict(function.keys)}
            await process.ask(function.name, json.dumps(message), seconds=_LOAD_SECONDS)

    async def run(self, name: str, event: dict[str, Any], log: Callable[[str], None] | None = None) -> Any:
        """Return what the function ``name`` returns for ``event``; ``log`` gets its data for the access log.

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
        """Replace the pairs of the key-value store of the function ``name``.

        Raises:
            FunctionError: the process does not respond; its replacement has them.
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
