"""Running queries: throttling, failures with remedies, and results saved and loaded."""

import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pandas as pd
import pytest

from flows.reporting.periods import Period
from flows.reporting.queries import Analytics, Query, QueryFailedError, QueryResult, run_query, with_remedy
from flows.reporting.results import load_results, save_results

DAY = Period(date(2026, 11, 23), date(2026, 11, 23))
ANALYTICS = Analytics("E1", "workgroup", "database", "reports")
ROWS = pd.DataFrame(
    {"format": pd.array(["avif", None], dtype="string"), "requests": pd.array([3, None], dtype="Int64")}
)


class Refusing(ThreadingHTTPServer):
    """Answers every call with one error, and counts the calls."""

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
        """Log nothing."""


@pytest.fixture
def athena(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Refusing]:
    server = Refusing(request.param)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("athena", [{"__type": "ThrottlingException", "message": "Rate exceeded"}], indirect=True)
def test_a_throttled_query_is_retried_and_then_fails_with_a_remedy(athena: Refusing) -> None:
    with pytest.raises(QueryFailedError, match=r"Rate exceeded.*: run it again later"):
        run_query(Query("hit_ratio_by_day"), DAY, ANALYTICS, attempts=2)
    assert athena.calls == 2


@pytest.mark.parametrize(
    "athena", [{"__type": "InvalidRequestException", "message": "WorkGroup workgroup is not found"}], indirect=True
)
def test_a_permanent_error_is_not_retried(athena: Refusing) -> None:
    with pytest.raises(QueryFailedError, match="WorkGroup workgroup is not found"):
        run_query(Query("hit_ratio_by_day"), DAY, ANALYTICS, attempts=5)
    assert athena.calls == 1


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("Bytes scanned limit was exceeded", "query fewer days"),
        (
            "An error occurred (ThrottlingException) when calling StartQueryExecution: Rate exceeded",
            "run it again later",
        ),
        ("An error occurred (AccessDeniedException)", "allow the role that runs flows to use the workgroup"),
    ],
)
def test_a_known_reason_comes_with_a_remedy(reason: str, remedy: str) -> None:
    assert with_remedy(reason).startswith(f"{reason}: {remedy}")


def test_an_unknown_reason_is_unchanged() -> None:
    assert with_remedy("SYNTAX_ERROR: line 1:8.") == "SYNTAX_ERROR: line 1:8."


def test_saved_results_are_loaded_unchanged(tmp_path: Path) -> None:
    saved = [QueryResult("first", ROWS, 100, 0.5), QueryResult("empty", ROWS[:0], 11, 0.5)]
    save_results(tmp_path, saved, {"third": "throttled"})
    results = load_results(tmp_path)
    for query, expected in {"first": ROWS, "empty": ROWS[:0]}.items():
        loaded = results[query]
        assert loaded is not None
        pd.testing.assert_frame_equal(loaded, expected)
    assert results["third"] is None
    assert results.failed == {"third": "throttled"}
    assert results.scanned_bytes == 111


def test_results_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    save_results(tmp_path, [QueryResult("earlier", ROWS, 1, 1)], {})
    save_results(tmp_path, [], {"earlier": "cancelled"})
    results = load_results(tmp_path)
    assert results["earlier"] is None
    assert results.failed == {"earlier": "cancelled"}
