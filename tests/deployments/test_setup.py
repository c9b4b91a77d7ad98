"""What flows need on Prefect's server: made by one command, however often, and doing what it is for."""

import json
import queue
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect_aws import S3Bucket

from flows.runtime.policies import (
    ATHENA,
    LIMITS,
    Limit,
    LimitMissingError,
    create_missing_limits,
)
from flows.setup import main, set_up
from infra.local.stack import LocalStack

_PATIENCE_SECONDS = 60


pytestmark = pytest.mark.usefixtures("flows_here")


class Chat(ThreadingHTTPServer):
    """What is posted to it, as each message's path and body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()


class _Post(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:
        self.server.messages.put((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def chat() -> Iterator[Chat]:
    with Chat() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_set_up_twice_is_set_up_once(stack: LocalStack, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--stage", stack.state.stage]) == 0
    first = capsys.readouterr().out
    assert main(["--stage", stack.state.stage]) == 0
    assert capsys.readouterr().out == first
    with get_client(sync_client=True) as client:
        limits = {limit.name: limit.limit for limit in client.read_global_concurrency_limits(limit=100)}
    assert {limit.name(stack.settings): limit.slots(stack.settings) for limit in LIMITS}.items() <= limits.items()


def test_the_bucket_block_reaches_the_reports(stack: LocalStack) -> None:
    set_up(stack.settings)
    block: Any = S3Bucket.load(f"{stack.settings.prefix}-reports")
    block.write_path("block.txt", b"by the block")
    stored = stack.client("s3").get_object(Bucket=stack.parameter("reports-bucket"), Key="block.txt")
    assert stored["Body"].read() == b"by the block"


def test_an_operators_limit_stays_until_it_is_set_up_anew(stack: LocalStack) -> None:
    set_up(stack.settings)
    name = ATHENA.name(stack.settings)
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, 1)
        create_missing_limits(stack.settings)
        assert client.read_global_concurrency_limit_by_name(name).limit == 1
        set_up(stack.settings)
        assert client.read_global_concurrency_limit_by_name(name).limit == ATHENA.slots(stack.settings)


def test_a_limit_that_is_missing_lets_nobody_through(stack: LocalStack) -> None:
    unknown = Limit("nobody-made-it", lambda _settings: 1)
    with (
        pytest.raises(LimitMissingError, match=r"nobody-made-it .*python -m flows.setup --stage dev"),
        unknown.hold(stack.settings),
    ):
        pytest.fail("expected no slot")


def test_a_failed_run_is_told_if_a_schedule_started_it(stack: LocalStack, prefect: str, chat: Chat) -> None:
    for path in ("/before", "/here"):
        set_up(stack.settings, f"http://127.0.0.1:{chat.server_port}{path}")
    with httpx.Client(base_url=prefect, trust_env=False, timeout=30) as api:
        flow = api.post("/flows/", json={"name": f"told-{uuid.uuid4().hex[:8]}"}).json()["id"]
        for name, tags in (("by a person", ["darkroom"]), ("by a schedule", ["darkroom", "auto-scheduled"])):
            run = api.post("/flow_runs/", json={"flow_id": flow, "name": name, "tags": tags}).json()["id"]
            state = {"type": "FAILED", "name": "ApprovalNeverCame", "message": 'of "quotes"'}
            api.post(f"/flow_runs/{run}/set_state", json={"state": state, "force": True}).raise_for_status()
    path, body = chat.messages.get(timeout=_PATIENCE_SECONDS)
    text = json.loads(body)["text"]
    assert path == "/here"
    assert 'by a schedule is ApprovalNeverCame: of "quotes" http' in text
    assert chat.messages.empty()
