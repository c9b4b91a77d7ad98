"""One Node process that CloudFront Functions run in, spoken to in lines of JSON."""

import asyncio
import contextlib
import json
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

_RUNTIME = Path(__file__).with_name("function_runtime.mjs")
_LINE_LIMIT_BYTES = 8 * 1024 * 1024


class FunctionError(RuntimeError):
    """A function could not be loaded, raised, or did not return in time."""


class FunctionProcess:
    """A running process. It is not repaired: once something failed in it as a whole, it has ended."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._pending: dict[object, asyncio.Future[dict[str, Any]]] = {}
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
            limit=_LINE_LIMIT_BYTES,
        )
        return cls(process)

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing more will be answered."""
        return self._ended

    async def ask(self, token: object, message: dict[str, Any], *, seconds: float) -> dict[str, Any]:
        """Send ``message`` and return the reply that carries ``token``.

        Raises:
            FunctionError: the reply is an error, the process ended, or no reply came within ``seconds``.
        """
        if self._ended or self._process.stdin is None:
            raise FunctionError("expected the function runtime to run but it has ended")
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[token] = reply
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        try:
            received = await asyncio.wait_for(reply, seconds)
        except TimeoutError as error:
            # Node runs one function at a time: one that never returns would hold up all others.
            self._end()
            raise FunctionError(f"expected the function to return within {seconds:g} s but it did not") from error
        finally:
            self._pending.pop(token, None)
        if received.get("error"):
            raise FunctionError(received["error"])
        return received

    async def stop(self) -> None:
        """End the process, and wait until it is gone."""
        self._end()
        await self._process.wait()
        await self._reader

    def _end(self) -> None:
        self._ended = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _read(self) -> None:
        lines = self._process.stdout
        while lines is not None and (line := await lines.readline()):
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
