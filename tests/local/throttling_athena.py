"""An Athena that refuses the first questions as one does that is asked too much."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

_VARIABLE = "AWS_ENDPOINT_URL_ATHENA"
_HOP = {"connection", "transfer-encoding", "content-length", "content-encoding"}


class ThrottlingAthena(ThreadingHTTPServer):
    """In front of the real one: the first ``times`` questions are throttled, everything else goes through."""

    def __init__(self, real: str, times: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.real = real
        self.times = times
        self.refused = 0


class _Handler(BaseHTTPRequestHandler):
    server: ThrottlingAthena

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["X-Amz-Target"].endswith("StartQueryExecution") and self.server.refused < self.server.times:
            self.server.refused += 1
            self._answer(400, {}, json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode())
            return
        with httpx.Client(trust_env=False, timeout=60) as client:
            answer = client.post(self.server.real + self.path, content=body, headers=dict(self.headers))
        self._answer(answer.status_code, dict(answer.headers), answer.content)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def throttling(monkeypatch: pytest.MonkeyPatch, *, times: int) -> Iterator[ThrottlingAthena]:
    """Have this process ask an Athena that throttles the first ``times`` questions."""
    server = ThrottlingAthena(os.environ[_VARIABLE], times)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        with monkeypatch.context() as patched:
            patched.setenv(_VARIABLE, f"http://127.0.0.1:{server.server_port}")
            yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
