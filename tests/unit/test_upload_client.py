import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tenacity import wait_none

from infra.local import upload_client
from infra.local.upload_client import UploadClient, UploadFailedError, UploadRefusedError, content_type
from lambdas.settings import load_settings

SETTINGS = load_settings()
CONTENT = bytes(range(256)) * 2000
NO_ANSWER = 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", "image/jpeg"),
        ("A.JPEG", "image/jpeg"),
        ("a.webp", "image/webp"),
        ("a.avif", "image/avif"),
        ("a.heic", "image/heic"),
        ("a.tif", "image/tiff"),
        ("a.svg", "application/octet-stream"),
        ("a.html", "application/octet-stream"),
        ("no-suffix", "application/octet-stream"),
    ],
)
def test_content_types(name: str, expected: str) -> None:
    assert content_type(Path(name), SETTINGS) == expected


class Service:
    """The upload API and the bucket in one server; each answers what the test has put in line, then well."""

    def __init__(self) -> None:
        self.api_answers: list[tuple[int, str]] = []
        self.bucket_answers: list[tuple[int, str]] = []
        self.received: list[bytes] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, text = service.answer(self.path, body, self.headers["Host"])
                if status == NO_ANSWER:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, body: bytes, host: str) -> tuple[int, str]:
        if path == "/uploads":
            form = {"image_id": "i", "url": f"http://{host}/bucket", "fields": {"key": "k"}}
            return self.api_answers.pop(0) if self.api_answers else (201, json.dumps(form))
        if self.bucket_answers:
            return self.bucket_answers.pop(0)
        self.received.append(body)
        return 204, ""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(upload_client, "wait_exponential_jitter", lambda **_options: wait_none())
    running = Service()
    thread = threading.Thread(target=running.server.serve_forever)
    thread.start()
    with running.server:
        yield running
        running.server.shutdown()
    thread.join()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(CONTENT)
    return path


def _upload(service: Service, file: Path, seen: list[int] | None = None) -> str:
    with UploadClient(service.url, "demo", SETTINGS) as client:
        return client.upload(file, progress=(seen if seen is not None else []).append).image_id


def test_the_bytes_arrive_whole_and_last(service: Service, file: Path) -> None:
    seen: list[int] = []

    assert _upload(service, file, seen) == "i"

    [body] = service.received
    assert CONTENT in body
    assert body.index(b'name="key"') < body.index(b'name="file"')
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)


@pytest.mark.parametrize("fault", [(503, "later"), (429, "slow down"), (NO_ANSWER, "")])
def test_faults_that_pass_are_tried_again(service: Service, file: Path, fault: tuple[int, str]) -> None:
    service.api_answers = [fault, fault]
    service.bucket_answers = [fault]

    assert _upload(service, file) == "i"
    assert CONTENT in service.received[0]


def test_a_fault_that_stays_is_told_after_the_last_attempt(service: Service, file: Path) -> None:
    service.bucket_answers = [(503, "later")] * 100

    with pytest.raises(UploadFailedError, match=r"expected photo\.jpg to be uploaded within 6 attempts .* 503"):
        _upload(service, file)
    assert len(service.bucket_answers) == 94


def test_a_refusal_is_told_in_the_words_of_the_api_and_not_tried_again(service: Service, file: Path) -> None:
    service.api_answers = [(415, '{"detail": "expected a content_type among a, b but received c"}')] * 2

    with pytest.raises(UploadRefusedError, match=r"^expected a content_type among a, b but received c$"):
        _upload(service, file)
    assert len(service.api_answers) == 1


def test_a_refusal_of_the_bucket_is_told(service: Service, file: Path) -> None:
    service.bucket_answers = [(400, "<Error><Code>EntityTooLarge</Code><Message>too large</Message></Error>")]

    with pytest.raises(UploadRefusedError, match="received 400 EntityTooLarge: too large"):
        _upload(service, file)
