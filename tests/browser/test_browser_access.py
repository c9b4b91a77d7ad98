"""A page of another origin asks each port of the local stack for something harmful, and nothing happens."""

import base64
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from deployment_runs import Prefect
from playwright.sync_api import Browser, Page
from prefect_pages import open_prefect

from infra.local.endpoint import ACCOUNT
from infra.local.parts import FLOWS, LAB, PREFECT
from infra.local.stack import LocalStack

# What a page can do: a request that only sends, one that reads, a form, and a WebSocket.
SEND = """async ([url, method, headers, body]) => {
  const outcomes = [];
  const options = { method, body: body || undefined, credentials: 'include' };
  for (const [mode, sent] of [['no-cors', { 'Content-Type': 'text/plain' }], ['cors', headers], ['cors', {}]]) {
    try {
      const answer = await fetch(url, { ...options, mode, headers: sent });
      outcomes.push(mode === 'no-cors' ? 'sent' : `${answer.status}`);
    } catch (error) { outcomes.push('refused'); }
  }
  await new Promise((resolve) => {
    const frame = document.createElement('iframe');
    frame.name = 'hidden';
    document.body.append(frame);
    const form = document.createElement('form');
    Object.assign(form, { action: url, method: 'POST', target: 'hidden', enctype: 'text/plain' });
    const field = document.createElement('input');
    const cut = (body || '=').indexOf('=') + 1 || (body || '').length;
    field.name = (body || '').slice(0, cut);
    field.value = (body || '').slice(cut);
    form.append(field);
    document.body.append(form);
    frame.addEventListener('load', () => { frame.remove(); form.remove(); resolve(); });
    form.submit();
    setTimeout(resolve, 5000);
  });
  return outcomes;
}"""
OPEN = """(url) => new Promise((resolve) => {
  const socket = new WebSocket(url, url.includes('/events') ? ['prefect'] : []);
  socket.addEventListener('open', () => socket.send(JSON.stringify({ type: 'auth', token: 'guessed' })));
  socket.addEventListener('message', () => resolve('answered'));
  socket.addEventListener('close', () => resolve('closed'));
})"""


@dataclass(frozen=True)
class Harm:
    """What a page asks for."""

    port: str
    path: str
    body: str = ""
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)

    def __str__(self) -> str:
        return f"{self.port} {self.method} {self.path}"


FUNCTION = json.dumps({"FunctionName": "harm", "Code": {"ZipFile": ""}, "Role": f"arn:aws:iam::{ACCOUNT}:role/r",
                       "Handler": "h.h", "Runtime": "python3.13"})  # fmt: skip
TARGET = (("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", "AmazonAthena.StartQueryExecution"))
QUERY = json.dumps({"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": "s3://harm/"}})
HARMS = [
    Harm("emulator", "/2015-03-31/functions", FUNCTION),
    Harm("emulator", "/?Action=CreateUser&UserName=harm&Version=2010-05-08"),
    Harm("emulator", "/harm", method="PUT"),
    Harm("emulator", "/_ministack/reset"),
    Harm("emulator", "/_ministack/config", '{"stepfunctions._WAIT_SCALE": 0}'),
    Harm("edge", "/_edge/invalidate", '{"paths": ["/*"]}'),
    Harm("edge", "/_edge/flush"),
    Harm("athena", "/", QUERY, headers=TARGET),
    Harm("batch", "/v20180820/jobs", "<CreateJobRequest/>", headers=(("x-amz-account-id", ACCOUNT),)),
    Harm("prefect", "/api/deployments/{takedown}/create_flow_run", '{"parameters": {"images": ["x"]}}'),
    Harm("prefect", "/api/admin/database/clear", '{"confirm": true}'),
    Harm("prefect", "/api/flow_runs/filter", "{}"),
    Harm("lab", "/api/kernels", "{}"),
    Harm("lab", "/api/terminals", "{}"),
    Harm("lab", "/api/contents/harm.txt", '{"type": "file", "format": "text", "content": "x"}', "PUT"),
]


@pytest.fixture(scope="module")
def whole(stack: LocalStack, served: Prefect) -> LocalStack:
    """Return a stack of every part."""
    stack.add(LAB)
    return stack


@pytest.fixture
def logged_in(browser: Browser, whole: LocalStack, site: str) -> Iterator[Page]:
    """Open a page of another origin in a browser whose user has logged in to Prefect and JupyterLab."""
    context = browser.new_context()
    lab = context.new_page()
    lab.goto(whole.lab_url)
    open_prefect(context, whole)
    page = context.new_page()
    page.goto(site)
    yield page
    context.close()


def owned(stack: LocalStack, served: Prefect) -> dict[str, Any]:
    """Return what a page could have made, ended or read."""
    lab = httpx.Client(
        base_url=f"http://127.0.0.1:{stack.ports.lab}", headers={"Authorization": f"token {stack.keys.token}"}
    )
    edge = httpx.get(f"{stack.edge_url}/_edge/stats", headers=stack.owner_headers, trust_env=False).json()
    control = stack.client("athena")
    with lab:
        return {
            "functions": [each["FunctionName"] for each in stack.client("lambda").list_functions()["Functions"]],
            "users": stack.client("iam").list_users()["Users"],
            "buckets": [each["Name"] for each in stack.client("s3").list_buckets()["Buckets"]],
            "cached": edge["cached"],
            "queries": control.list_query_executions(WorkGroup="primary")["QueryExecutionIds"],
            "jobs": sorted(path.name for path in (stack.folder.home / "batch").glob("*.job.json")),
            "flow runs": served.post("/flow_runs/count", {}),
            "deployments": served.post("/deployments/count", {}),
            "kernels": lab.get("/api/kernels").raise_for_status().json(),
            "terminals": lab.get("/api/terminals").raise_for_status().json(),
            "files": [each["name"] for each in lab.get("/api/contents").raise_for_status().json()["content"]],
        }


def test_a_page_of_another_origin_harms_nothing(logged_in: Page, whole: LocalStack, served: Prefect) -> None:
    [takedown] = [each["id"] for each in served.post("/deployments/filter", {}) if each["name"] == "on-demand"][:1]
    httpx.get(f"{whole.edge_url}/img/{'0' * 32}", trust_env=False, timeout=60)
    before = owned(whole, served)
    assert before["cached"]

    for harm in HARMS:
        url = f"http://127.0.0.1:{getattr(whole.ports, harm.port)}{harm.path.replace('{takedown}', takedown)}"
        outcomes = logged_in.evaluate(SEND, [url, harm.method, dict(harm.headers), harm.body])
        assert set(outcomes) <= {"sent", "refused"}, f"{harm}: expected no readable answer but received {outcomes}"
    for port, path in (("prefect", "/api/events/out"), ("prefect", "/api/logs/out"), ("lab", "/terminals/websocket/1"),
                       ("emulator", "/"), ("edge", "/_edge/"), ("athena", "/"), ("batch", "/")):  # fmt: skip
        outcome = logged_in.evaluate(OPEN, f"ws://127.0.0.1:{getattr(whole.ports, port)}{path}")
        assert outcome == "closed", f"{port} {path}"

    assert owned(whole, served) == before


GUESSED = {"authorization": "Basic ZGFya3Jvb206Z3Vlc3NlZA=="}
REBOUND = {"host": "attacker.example:4200"}


@pytest.mark.parametrize(
    ("port", "method", "path", "headers", "is_owner", "status"),
    [
        ("prefect", "POST", "/api/deployments/filter", {}, False, 401),
        ("prefect", "POST", "/api/deployments/filter", GUESSED, False, 401),
        ("prefect", "POST", "/api/deployments/filter", {}, True, 200),
        ("prefect", "POST", "/api/deployments/filter", REBOUND, True, 403),
        ("prefect", "POST", "/api/deployments/filter", {"origin": "null"}, True, 403),
        ("prefect", "GET", "/api/health", REBOUND, False, 403),
        ("prefect", "GET", "/", REBOUND, False, 403),
        ("lab", "GET", "/api/contents", {}, False, 403),
        ("lab", "GET", "/api/contents", {"authorization": "token guessed"}, False, 403),
        ("lab", "GET", "/api/contents", {}, True, 200),
        ("lab", "GET", "/api/contents", REBOUND, True, 403),
        ("lab", "POST", "/api/kernels", {"origin": "http://localhost:1"}, False, 404),
        ("lab", "POST", "/api/kernels", {}, False, 403),
    ],
)
def test_prefect_and_jupyterlab_refuse_others(
    whole: LocalStack, port: str, method: str, path: str, headers: dict[str, str], is_owner: bool, status: int
) -> None:
    own: dict[str, str] = {}
    if is_owner:
        basic = base64.b64encode(whole.prefect_login.encode()).decode()
        own = {"authorization": f"Basic {basic}" if port == "prefect" else f"token {whole.keys.token}"}
    url = f"http://127.0.0.1:{getattr(whole.ports, port)}{path}"
    body = {} if method == "POST" else None
    answer = httpx.request(method, url, headers=own | headers, json=body, trust_env=False, timeout=60)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("name", ["lab", "flows", "prefect"])
def test_a_killed_part_of_the_operators_comes_back(whole: LocalStack, served: Prefect, name: str) -> None:
    killed = whole.process(name)
    os.kill(killed.pid, signal.SIGKILL)
    deadline = time.monotonic() + 120
    while whole.process(name) == killed:
        assert time.monotonic() < deadline, f"expected the {name} to be started again"
        time.sleep(0.1)
    whole.await_ready({part.name: part for part in (LAB, FLOWS, PREFECT)}[name])
    if name != "lab":
        run = served.run("audit/daily", {})
        assert run["state"]["type"] in ("COMPLETED", "FAILED"), run["state"]
