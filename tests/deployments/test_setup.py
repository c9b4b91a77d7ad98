"""What flows need on Prefect's server: one command creates it, and it works."""

import json
import queue
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from deployment_runs import Prefect
from prefect.client.orchestration import get_client
from prefect_aws import S3Bucket
from typer.testing import CliRunner

from flows.runtime.policies import ATHENA, LIMITS, Limit, LimitMissingError, create_missing_limits
from flows.setup import app, set_up
from infra.local.stack import LocalStack

_PATIENCE_SECONDS = 60


pytestmark = pytest.mark.usefixtures("flows_here")


class Chat(ThreadingHTTPServer):
    """A webhook that keeps the path and body of each message."""

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


def test_the_server_keeps_its_database_in_the_stacks_folder(stack: LocalStack) -> None:
    name = f"kept-{uuid.uuid4().hex[:8]}"
    with Prefect(stack) as api:
        api.post("/flows/", {"name": name})
    with closing(sqlite3.connect(stack.folder.home / "prefect" / "prefect.db")) as database:
        assert database.execute("SELECT count(*) FROM flow WHERE name = ?", (name,)).fetchone() == (1,)


def test_setup_can_be_repeated(stack: LocalStack) -> None:
    first, second = (CliRunner().invoke(app, ["--stage", stack.state.stage]) for _ in range(2))
    assert first.exit_code == second.exit_code == 0, first.output
    assert first.stdout == second.stdout
    with get_client(sync_client=True) as client:
        limits = {limit.name: limit.limit for limit in client.read_global_concurrency_limits(limit=100)}
    assert {limit.name(stack.settings): limit.slots(stack.settings) for limit in LIMITS}.items() <= limits.items()


def test_the_bucket_block_reaches_the_reports(stack: LocalStack) -> None:
    set_up(stack.settings)
    block: Any = S3Bucket.load(f"{stack.settings.prefix}-reports")
    block.write_path("block.txt", b"by the block")
    stored = stack.client("s3").get_object(Bucket=stack.parameter("reports-bucket"), Key="block.txt")
    assert stored["Body"].read() == b"by the block"


def test_an_operators_limit_stays_until_the_next_setup(stack: LocalStack) -> None:
    set_up(stack.settings)
    name = ATHENA.name(stack.settings)
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, 1)
        create_missing_limits(stack.settings)
        assert client.read_global_concurrency_limit_by_name(name).limit == 1
        set_up(stack.settings)
        assert client.read_global_concurrency_limit_by_name(name).limit == ATHENA.slots(stack.settings)


def test_a_missing_limit_gives_no_slot(stack: LocalStack) -> None:
    unknown = Limit("missing", lambda _settings: 1)
    with (
        pytest.raises(LimitMissingError, match=r"missing .*python -m flows.setup --stage dev"),
        unknown.hold(stack.settings),
    ):
        pytest.fail("expected no slot")


def test_a_failed_run_is_posted_if_a_schedule_started_it(stack: LocalStack, prefect: str, chat: Chat) -> None:
    for path in ("/before", "/here"):
        set_up(stack.settings, f"http://127.0.0.1:{chat.server_port}{path}")
    with Prefect(stack) as api:
        flow = api.post("/flows/", {"name": f"told-{uuid.uuid4().hex[:8]}"})["id"]
        for name, tags in (("by a person", ["darkroom"]), ("by a schedule", ["darkroom", "auto-scheduled"])):
            run = api.post("/flow_runs/", {"flow_id": flow, "name": name, "tags": tags})["id"]
            state = {"type": "FAILED", "name": "ApprovalNeverCame", "message": 'of "quotes"'}
            api.post(f"/flow_runs/{run}/set_state", {"state": state, "force": True})
    path, body = chat.messages.get(timeout=_PATIENCE_SECONDS)
    text = json.loads(body)["text"]
    assert path == "/here"
    assert 'by a schedule is ApprovalNeverCame: of "quotes" http' in text
    assert chat.messages.empty()
