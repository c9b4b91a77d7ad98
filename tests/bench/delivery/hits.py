"""Hits of the local edge on one core, beside nginx with the same bytes on the same core."""

import json
import os
import random
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.local.state import Ports
from infra.names import Names
from infra.node import node_executable
from lambdas.core.keys import new_image_id
from tests.bench.delivery.nginx import find_nginx, serving

_LOAD = Path(__file__).with_name("load.mjs")
_CONNECTIONS, _SECONDS, _BYTES = 16, 8, 94_300  # the AVIF of the calibration's photograph


@dataclass(frozen=True, slots=True)
class Throughput:
    """Hits of one server; latencies in milliseconds, as the loading client saw them.

    ``per_core_second`` counts them by the time that the server's processes were on the core: what one core could
    serve if the client, which needs a core too, kept it busy. nginx is faster than any client of one core.
    """

    per_core_second: float
    requests_per_second: float
    p50_ms: float
    p99_ms: float


def compare_hits() -> dict[str, Throughput]:
    """Return the throughput of ``edge`` and, where this machine has one, ``nginx``."""
    content = random.Random(1).randbytes(_BYTES)
    measured = {}
    with tempfile.TemporaryDirectory() as scratch:
        stack = LocalStack.start(Ports.any_free(), Path(scratch) / "home")
        try:
            measured["edge"] = _edge(stack, content)
        finally:
            stack.stop()
    if nginx := find_nginx():
        with tempfile.TemporaryDirectory() as scratch, serving(nginx, Path(scratch), content) as (url, pid):
            measured["nginx"] = _load(url, [psutil.Process(pid)])
    return measured


def _edge(stack: LocalStack, content: bytes) -> Throughput:
    image_id = new_image_id()
    stack.client("s3").put_object(
        Bucket=Names(stack.settings, ACCOUNT).derivatives_bucket,
        Key=f"{image_id}/1024x0.avif",
        Body=content,
        ContentType="image/avif",
        CacheControl=stack.settings.delivery.cache_control,
    )
    url = f"{stack.edge_url}/img/{image_id}?w=800"
    first = httpx.get(url, headers={"accept": "image/avif"}, trust_env=False, timeout=60)
    if first.content != content:
        raise RuntimeError(f"expected the edge to serve the picture but received {first.status_code}")
    record = stack.process("edge")
    edge = psutil.Process(record.pid)
    return _load(url, [edge, *edge.children(recursive=True)])


def _load(url: str, servers: list[psutil.Process]) -> Throughput:
    cores = sorted(os.sched_getaffinity(0))
    for server in servers:
        server.cpu_affinity([cores[0]])
    command = [str(node_executable()), str(_LOAD), url, str(_CONNECTIONS), str(_SECONDS)]
    pin = {cores[-1]}
    before = _core_seconds(servers)
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, preexec_fn=lambda: os.sched_setaffinity(0, pin)
    )
    told: dict[str, Any] = json.loads(done.stdout)
    if told["failed"] or not told["requests"]:
        raise RuntimeError(f"expected every request to be served but received {told}")
    requests, busy = told["requests"], _core_seconds(servers) - before
    return Throughput(requests / busy, requests / told["seconds"], told["p50_ms"], told["p99_ms"])


def _core_seconds(servers: list[psutil.Process]) -> float:
    times = [server.cpu_times() for server in servers]
    return sum(each.user + each.system for each in times)
