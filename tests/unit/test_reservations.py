"""Reservations are changed in order, all or none, by a control plane that throttles and refuses."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from operations.tuning.reservations import PATIENT, ControlPlane, HalfAppliedError, NotAppliedError


class Lambda:
    """A control plane over HTTP: throttles the first requests, refuses some changes, remembers the rest."""

    def __init__(self) -> None:
        self.reserved: dict[str, int] = {"a": 10, "b": 20}
        self.order: list[tuple[str, int | None]] = []
        self.throttled = 0
        self.refused: list[tuple[str, int]] = []
        control_plane = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def answer(self, status: int, body: Any, code: str = "") -> None:
                self.send_response(status)
                if code:
                    self.send_header("x-amzn-ErrorType", code)
                written = json.dumps(body).encode()
                self.send_header("Content-Length", str(len(written)))
                self.end_headers()
                self.wfile.write(written)

            def do_PUT(self) -> None:
                name = self.path.split("/")[3]
                wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))[
                    "ReservedConcurrentExecutions"
                ]
                if control_plane.throttled:
                    control_plane.throttled -= 1
                    self.answer(429, {"message": "Rate exceeded"}, "TooManyRequestsException")
                elif (name, wanted) in control_plane.refused:
                    self.answer(400, {"message": "below its minimum value"}, "InvalidParameterValueException")
                else:
                    control_plane.order.append((name, wanted))
                    control_plane.reserved[name] = wanted
                    self.answer(200, {"ReservedConcurrentExecutions": wanted})

            def do_GET(self) -> None:
                found = control_plane.reserved.get(self.path.split("/")[3])
                self.answer(200, {} if found is None else {"ReservedConcurrentExecutions": found})

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def aws() -> Iterator[Lambda]:
    control_plane = Lambda()
    thread = threading.Thread(target=control_plane.server.serve_forever, args=(0.02,))
    thread.start()
    with control_plane.server:
        yield control_plane
        control_plane.server.shutdown()
    thread.join()


@pytest.fixture
def control(aws: Lambda) -> ControlPlane:
    client = boto3.client(
        "lambda",
        endpoint_url=aws.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=PATIENT,
    )
    return ControlPlane(client, 100.0)


def test_reservations_shrink_before_others_grow(aws: Lambda, control: ControlPlane) -> None:
    before = control.read(["a", "b"])
    control.apply({"a": 25, "b": 5}, before)
    assert aws.order == [("b", 5), ("a", 25)]


def test_unchanged_reservations_are_not_set(aws: Lambda, control: ControlPlane) -> None:
    control.apply({"a": 10, "b": 21}, control.read(["a", "b"]))
    assert aws.order == [("b", 21)]


def test_a_throttled_change_is_retried(aws: Lambda, control: ControlPlane) -> None:
    aws.throttled = 2
    control.apply({"a": 11, "b": 20}, control.read(["a", "b"]))
    assert aws.reserved == {"a": 11, "b": 20}


def test_a_refused_change_is_rolled_back(aws: Lambda, control: ControlPlane) -> None:
    aws.refused = [("a", 25)]
    with pytest.raises(NotAppliedError, match=r"expected Lambda to reserve 25 for a but: .*below its minimum value"):
        control.apply({"a": 25, "b": 5}, control.read(["a", "b"]))
    assert aws.reserved == {"a": 10, "b": 20}


def test_a_failed_rollback_is_reported(aws: Lambda, control: ControlPlane) -> None:
    aws.refused = [("a", 25), ("b", 20)]
    with pytest.raises(HalfAppliedError, match=r"failed for b \(before: 20\): .*below its minimum value"):
        control.apply({"a": 25, "b": 5}, control.read(["a", "b"]))


def test_requests_are_paced(aws: Lambda) -> None:
    waits: list[float] = []
    client = boto3.client(
        "lambda", endpoint_url=aws.url, region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t"
    )
    control = ControlPlane(client, 5.0, waits.append)
    control.apply({"a": 1, "b": 2}, control.read(["a", "b"]))
    assert waits == [0.2] * 4
