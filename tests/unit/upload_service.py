"""The API and the bucket in one HTTP server, which stores what it receives and fails as a test requests."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NO_ANSWER = 0  # the connection is closed without a response
LOST_ANSWER = -1  # the same, but only after the request was served
PART_BYTES = 1000
SINGLE_BYTES = 1000

Fault = tuple[int, str]


@dataclass
class Stored:
    """One upload."""

    bytes: int
    content_type: str
    parts: dict[int, bytes] = field(default_factory=dict)
    whole: bytes | None = None


class Service:
    """Uploads in memory; each kind of request first returns the faults that a test queued, then succeeds."""

    def __init__(self) -> None:
        self.uploads: dict[str, Stored] = {}
        self.faults: dict[str, list[Fault]] = {"api": [], "bucket": []}
        self.requests: list[tuple[str, str]] = []
        self.tokens: set[str] = set()
        self.headers: dict[str, str] = {}
        self.under_way = self.most_under_way = 0
        self._lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with service.counted():
                    status, headers, content = service.answer(self.command, self.path, dict(self.headers), body)
                if status == NO_ANSWER:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # as the base class names them

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        yield
        with self._lock:
            self.under_way -= 1

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        place = "bucket" if path.startswith("/bucket") else "api"
        with self._lock:
            self.requests.append((method, path))
            if self.faults[place]:
                status, text = self.faults[place].pop(0)
                if status == LOST_ANSWER:
                    self._bucket(path, headers, body)
                    status = NO_ANSWER
                return status, self.headers, text.encode()
            if place == "bucket":
                return self._bucket(path, headers, body)
            self.tokens.add(headers.get("Authorization", ""))
            status, answer = self._api(method, path, json.loads(body) if body else None)
            return status, {}, json.dumps(answer).encode()

    def _bucket(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        _, _, image_id, number = [*path.split("/"), ""][:4]
        stored, sent = self.uploads[image_id], {name.lower(): value for name, value in headers.items()}
        assert sent["content-length"] == str(len(body)), "not chunked: the length is signed"
        if sent["x-amz-checksum-sha256"] != base64.b64encode(sha256(body).digest()).decode():
            return 400, {}, b"<Error><Code>BadDigest</Code><Message>other bytes</Message></Error>"
        if number:
            stored.parts[int(number)] = body
        else:
            assert (sent["if-none-match"], sent["content-type"]) == ("*", stored.content_type)
            if stored.whole is not None:
                return 412, {}, b"<Error><Code>PreconditionFailed</Code><Message>there</Message></Error>"
            stored.whole = body
        return 200, {"ETag": f'"{md5(body, usedforsecurity=False).hexdigest()}"'}, b""

    def _api(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        path = path.partition("?")[0]
        if path == "/uploads":
            return 201, self._create(body)
        image_id, _, action = path.removeprefix("/uploads/").partition("/")
        stored = self.uploads.get(image_id)
        if stored is None:
            return 404, {"detail": "expected an upload but received none"}
        if action == "parts":
            return 200, {"parts": [self._signed(image_id, part) for part in body["parts"]]}
        if action == "complete":
            stored.whole = b"".join(stored.parts[part["number"]] for part in body["parts"])
            return 200, {}
        return 200, self._state(image_id, stored)

    def _create(self, request: dict[str, Any]) -> dict[str, Any]:
        image_id, size = f"{len(self.uploads):032x}", request["bytes"]
        self.uploads[image_id] = Stored(size, request["content_type"])
        if size <= SINGLE_BYTES:
            url = f"{self.url}/bucket/{image_id}"
            headers = {
                "Content-Type": request["content_type"], "If-None-Match": "*",
                "x-amz-checksum-sha256": request["sha256"],
            }  # fmt: skip
            return {"kind": "single", "image_id": image_id, "method": "PUT", "url": url, "headers": headers}
        return {"kind": "multipart", "image_id": image_id, **self._layout(size)}

    def _layout(self, size: int) -> dict[str, int]:
        return {"part_bytes": PART_BYTES, "part_count": -(-size // PART_BYTES), "parts_per_page": 5}

    def _signed(self, image_id: str, part: dict[str, Any]) -> dict[str, Any]:
        url = f"{self.url}/bucket/{image_id}/{part['number']}"
        return {"number": part["number"], "url": url, "headers": {"x-amz-checksum-sha256": part["sha256"]}}

    def _state(self, image_id: str, stored: Stored) -> dict[str, Any]:
        parts = [
            {
                "number": number,
                "bytes": len(content),
                "etag": md5(content, usedforsecurity=False).hexdigest(),
                "sha256": base64.b64encode(sha256(content).digest()).decode(),
            }
            for number, content in sorted(stored.parts.items())
        ]
        state = "open" if stored.whole is None else "arrived"
        return {
            "image_id": image_id, "kind": "multipart", "state": state, "parts": parts, "next": None,
            **self._layout(stored.bytes),
        }  # fmt: skip


@contextmanager
def running_service() -> Iterator[Service]:
    service = Service()
    thread = threading.Thread(target=service.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with service.server:
            yield service
            service.server.shutdown()
    finally:
        thread.join()
