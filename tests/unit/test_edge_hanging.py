"""A primary bucket that accepts connections but never responds: the replica serves.

The edge, its fetches and the origin-request function are the real ones; both buckets are one small HTTP server.
"""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.credentials import Credentials

from infra.local.cloudfront.access_log import Served
from infra.local.cloudfront.cache import ResponseCache
from infra.local.cloudfront.distribution import Behavior, CachePolicy, Distribution, ResponseHeadersPolicy, S3Origin
from infra.local.cloudfront.edge import Edge
from infra.local.cloudfront.exchange import ViewerRequest
from infra.local.cloudfront.functions import FunctionRuntime
from infra.local.cloudfront.origins import Origins, S3Fetcher
from lambdas.edge import origin_request
from lambdas.edge.origin_request import FALLBACK_HEADER, GENERATOR_HEADER

PATH = "/0123456789abcdef0123456789abcdef/1024x0.avif"
PATIENCE_SECONDS = 20


class Buckets(BaseHTTPRequestHandler):
    asked: list[str]
    release: threading.Event

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        bucket = self.path.split("/")[1]
        type(self).asked.append(f"{self.command} {bucket}")
        if bucket == "primary":
            if not self.release.wait(PATIENCE_SECONDS):
                type(self).asked.append("the client did not hang up")
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"picture")


@pytest.fixture
def buckets(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Buckets.asked, Buckets.release = [], threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Buckets) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("NO_PROXY", "*")
        origin_request._client.cache_clear()
        yield url
        Buckets.release.set()
        server.shutdown()
    origin_request._client.cache_clear()


class Lambda:
    """Runs the function of the repository."""

    async def run(self, _version: str, event: dict[str, Any]) -> Any:
        return await asyncio.to_thread(origin_request.handler, event, None)


class AllowAll:
    def grants(self, _bucket: str, _key: str, _region: str) -> tuple[bool, bool]:
        return True, True


def bucket(name: str, header: str) -> S3Origin:
    return S3Origin(
        name,
        name,
        "us-east-1",
        f"{name}.s3.us-east-1.amazonaws.com",
        custom_headers={header: "1"},
        signed=True,
        connect_seconds=1,
        connect_attempts=2,
        read_seconds=1,
        whole_seconds=1,
    )


def test_the_replica_serves_while_the_primary_hangs(buckets: str, tmp_path: Path) -> None:
    behavior = Behavior(
        pattern="*",
        origins=(bucket("primary", GENERATOR_HEADER), bucket("replica", FALLBACK_HEADER)),
        failover=frozenset({403, 500, 502, 503, 504}),
        methods=frozenset({"GET"}),
        cache=CachePolicy(0, 60, 1000),
        response_headers=ResponseHeadersPolicy(),
        lambdas={"origin-request": "arn:version:1"},
    )
    distribution = Distribution("E1", "arn:dist", "d1.cloudfront.net", (behavior,), {})

    async def ask() -> Served:
        fetcher = S3Fetcher(buckets, Credentials("test", "test"), AllowAll())  # type: ignore[arg-type]
        cache = ResponseCache(tmp_path)
        edge = Edge(distribution, FunctionRuntime({}), cache, Origins(fetcher, Lambda()))  # type: ignore[arg-type]
        try:
            return await edge.serve(ViewerRequest("GET", PATH, "", httpx.Headers(), "192.0.2.1"))
        finally:
            await fetcher.close()
            cache.close()

    served = asyncio.run(ask())

    assert (served.response.status, served.response.body, served.result_type) == (200, b"picture", "Miss")
    assert Buckets.asked == ["HEAD primary", "GET primary", "HEAD replica", "GET replica"]
