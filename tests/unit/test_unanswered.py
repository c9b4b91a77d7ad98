"""Questions that Athena does not answer: said in its words, with the way out, and tried as often as was asked for."""

import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest

from flows.reporting.periods import Period
from flows.reporting.queries import Question, UnansweredError, ask
from operations.discovery import Analytics

DAY = Period(date(2026, 11, 23), date(2026, 11, 23))
ANALYTICS = Analytics("E1", "workgroup", "database", "reports")


class Refusing(ThreadingHTTPServer):
    """Answers every call with one error, and counts them."""

    def __init__(self, error: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Refusal)
        self.error, self.calls = error, 0


class _Refusal(BaseHTTPRequestHandler):
    server: Refusing

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.calls += 1
        body = json.dumps(self.server.error).encode()
        self.send_response(400)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def athena(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Refusing]:
    server = Refusing(request.param)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("athena", [{"__type": "ThrottlingException", "message": "Rate exceeded"}], indirect=True)
def test_a_throttled_question_is_tried_again_and_then_says_so(athena: Refusing) -> None:
    with pytest.raises(UnansweredError, match=r"Rate exceeded.*: run it again later"):
        ask(Question("hit_ratio_by_day"), DAY, ANALYTICS, attempts=2)
    assert athena.calls == 2


@pytest.mark.parametrize(
    "athena", [{"__type": "InvalidRequestException", "message": "WorkGroup workgroup is not found"}], indirect=True
)
def test_what_no_retry_cures_is_asked_once(athena: Refusing) -> None:
    with pytest.raises(UnansweredError, match="WorkGroup workgroup is not found"):
        ask(Question("hit_ratio_by_day"), DAY, ANALYTICS, attempts=5)
    assert athena.calls == 1
