"""The local edge's S3 origin: the bucket's policy decides, and a failing bucket is told apart from a slow one."""

import asyncio
import dataclasses
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from infra.local.cloudfront.distribution import S3Origin
from infra.local.cloudfront.exchange import Response
from infra.local.cloudfront.origins import OriginAccess, S3Fetcher

ARN = "arn:aws:cloudfront::000000000000:distribution/E1"
BUCKET = "arn:aws:s3:::derivatives"
ORIGIN = S3Origin(
    "derivatives",
    "derivatives",
    "us-east-1",
    "derivatives.s3.us-east-1.amazonaws.com",
    custom_headers={"x-darkroom-region": "us-east-1"},
    signed=True,
    connect_seconds=1,
    connect_attempts=2,
    read_seconds=1,
)


def statement(
    effect: str = "Allow",
    actions: list[str] | None = None,
    service: str = "cloudfront.amazonaws.com",
    source: str = ARN,
    operator: str = "StringEquals",
) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Principal": {"Service": service},
        "Action": actions or ["s3:GetObject", "s3:ListBucket"],
        "Resource": [BUCKET, f"{BUCKET}/*"],
        "Condition": {operator: {"AWS:SourceArn": source}},
    }


TLS_ONLY = {
    "Effect": "Deny",
    "Principal": {"AWS": "*"},
    "Action": "s3:*",
    "Resource": [BUCKET, f"{BUCKET}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


class Policies:
    """Hands out one bucket policy, as S3's API does; none is a 404."""

    def __init__(self, *statements: dict[str, Any]) -> None:
        self.policy = json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else None

    def get_bucket_policy(self, *, Bucket: str) -> dict[str, str]:  # noqa: N803
        assert Bucket == "derivatives"
        if self.policy is None:
            missing = {"Error": {"Code": "NoSuchBucketPolicy"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
            raise ClientError(missing, "GetBucketPolicy")  # type: ignore[arg-type]
        return {"Policy": self.policy}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([statement()], (True, True)),
        ([TLS_ONLY, statement()], (True, True)),
        ([statement(source="arn:aws:cloudfront::000000000000:distribution/*", operator="ArnLike")], (True, True)),
        ([statement(actions=["s3:GetObject"])], (True, False)),
        ([statement(actions=["s3:PutObject"])], (False, False)),
        ([statement(source=ARN.replace("E1", "E2"))], (False, False)),
        ([statement(service="s3.amazonaws.com")], (False, False)),
        ([statement(), statement(effect="Deny", actions=["s3:GetObject"])], (False, True)),
        ([{**statement(), "Principal": {"AWS": "arn:aws:iam::000000000000:root"}}], (False, False)),
        ([], (False, False)),
    ],
)
def test_the_bucket_s_policy_decides(statements: list[dict[str, Any]], expected: tuple[bool, bool]) -> None:
    access = OriginAccess(Policies(*statements), ARN)
    assert access.grants("derivatives", "a/1024x0.avif", "us-east-1") == expected


class S3(BaseHTTPRequestHandler):
    """A bucket with one key, ``/derivatives/a``; ``slow`` is never answered, ``trickle`` never to its end."""

    asked: list[tuple[str, dict[str, str]]]
    release: threading.Event

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        type(self).asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        if self.path.endswith("/slow"):
            self.release.wait(20)
            return
        if self.path.endswith("/trickle"):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            while not self.release.wait(0.2):
                self.wfile.write(b".")
            return
        status = 304 if "If-None-Match" in self.headers else 200 if self.path == "/derivatives/a" else 404
        body = b"" if status == 304 else b"picture"
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "ETag": '"1"', "x-amz-request-id": "r"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def endpoint() -> Iterator[str]:
    S3.asked, S3.release = [], threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), S3) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        S3.release.set()
        server.shutdown()


def fetch(
    endpoint: str,
    path: str,
    policies: Policies | None = None,
    origin: S3Origin = ORIGIN,
    conditions: dict[str, str] | None = None,
) -> Response:
    async def once() -> Response:
        access = OriginAccess(policies or Policies(statement()), ARN)
        fetcher = S3Fetcher(endpoint, Credentials("test", "test"), access)
        try:
            return await fetcher.fetch(origin, path, conditions or {})
        finally:
            await fetcher.close()

    return asyncio.run(once())


def test_an_object_signed_and_with_the_origin_s_headers(endpoint: str) -> None:
    response = fetch(endpoint, "/a")
    assert (response.status, response.body, response.headers["etag"]) == (200, b"picture", '"1"')
    assert "x-amz-request-id" not in response.headers
    path, headers = S3.asked[0]
    assert path == "/derivatives/a"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256")
    assert headers["x-darkroom-region"] == "us-east-1"
    assert headers["accept-encoding"] == "identity"


def test_requests_to_an_origin_without_access_control_are_unsigned(endpoint: str) -> None:
    fetch(endpoint, "/a", Policies(), dataclasses.replace(ORIGIN, signed=False))
    assert "authorization" not in S3.asked[0][1]


def test_origin_path_precedes_the_path(endpoint: str) -> None:
    fetch(endpoint, "/a%20b", origin=dataclasses.replace(ORIGIN, path="/folder"))
    assert S3.asked[0][0] == "/derivatives/folder/a%20b"


def test_conditions_are_forwarded(endpoint: str) -> None:
    assert fetch(endpoint, "/a", conditions={"if-none-match": '"1"'}).status == 304


def test_without_the_grant_it_is_403_without_a_request(endpoint: str) -> None:
    response = fetch(endpoint, "/a", Policies(TLS_ONLY))
    assert (response.status, b"AccessDenied" in response.body) == (403, True)
    assert S3.asked == []


@pytest.mark.parametrize(("actions", "status"), [(["s3:GetObject", "s3:ListBucket"], 404), (["s3:GetObject"], 403)])
def test_a_missing_key_is_404_only_with_list_permission(endpoint: str, actions: list[str], status: int) -> None:
    assert fetch(endpoint, "/missing", Policies(statement(actions=actions))).status == status


def test_a_bucket_that_cannot_be_reached_is_503() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert fetch(f"http://127.0.0.1:{taken.getsockname()[1]}", "/a").status == 503


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_slow_bucket_is_retried_and_then_504(endpoint: str, attempts: int) -> None:
    assert fetch(endpoint, "/slow", origin=dataclasses.replace(ORIGIN, connect_attempts=attempts)).status == 504
    assert len(S3.asked) == attempts


@pytest.mark.parametrize("path", ["/slow", "/trickle"])
def test_the_whole_response_has_a_deadline_over_all_tries(endpoint: str, path: str) -> None:
    assert fetch(endpoint, path, origin=dataclasses.replace(ORIGIN, read_seconds=30, whole_seconds=1)).status == 504
    assert len(S3.asked) == 1
