"""The origin-request function: how it reads events, and its response to each outcome.

S3 and Lambda are a small HTTP server here, so that boto3 and its error handling are the real ones.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lambdas.edge import origin_request
from lambdas.edge.origin_request import Bucket, Derivative, Refusals, parse_bucket, parse_path

IMAGE_ID = "0123456789abcdef0123456789abcdef"
KEY = f"{IMAGE_ID}/1024x0.avif"
DROPPED, HANGING = 0, -1


def event(uri: str = f"/{KEY}", **headers: str) -> dict[str, Any]:
    named = {
        "x-darkroom-generator": "the-generator",
        "x-darkroom-region": "eu-west-1",
        "x-darkroom-not-found-seconds": "60",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    custom = {name: [{"key": name, "value": value}] for name, value in named.items() if value}
    origin = {"domainName": "derivatives.s3.us-east-1.amazonaws.com", "customHeaders": custom, "path": ""}
    request = {"clientIp": "192.0.2.1", "method": "GET", "uri": uri, "querystring": "", "headers": {}}
    return {"Records": [{"cf": {"config": {}, "request": {**request, "origin": {"s3": origin}}}}]}


@dataclass
class Cloud:
    """The next responses of S3 and of the generator, and the requests they received."""

    head_status: int = 200
    invoke_status: int = 200
    payload: Any = field(default_factory=lambda: {"status": "made", "bytes": 1})
    function_error: str | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)


class Answers(BaseHTTPRequestHandler):
    cloud: Cloud

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(self.cloud.head_status, b"", {})

    def do_POST(self) -> None:
        failed = {"X-Amz-Function-Error": self.cloud.function_error} if self.cloud.function_error else {}
        payload = self.cloud.payload
        self.answer(
            self.cloud.invoke_status, payload if isinstance(payload, bytes) else json.dumps(payload).encode(), failed
        )

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        received = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        region = self.headers["Authorization"].split("/")[2]
        self.cloud.asked.append((f"{self.command} {self.path}", region, received))
        if status == HANGING and not self.cloud.release.wait(20):
            self.cloud.asked.append(("the client did not hang up", "", ""))
        if status in (DROPPED, HANGING):
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def cloud(server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "NO_PROXY": "*",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(origin_request, "_refusals", Refusals())
    Answers.cloud = Cloud()
    yield Answers.cloud
    Answers.cloud.release.set()


@pytest.fixture(scope="module", autouse=True)
def fresh_clients() -> Iterator[None]:
    origin_request._client.cache_clear()
    yield
    origin_request._client.cache_clear()


def handle(given: dict[str, Any]) -> dict[str, Any]:
    return origin_request.handler(given, None)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (f"/{KEY}", Derivative(IMAGE_ID, "1024x0.avif")),
        (f"/p-{IMAGE_ID}/256x144.jpeg", Derivative(f"p-{IMAGE_ID}", "256x144.jpeg")),
        (f"/{IMAGE_ID}", None),
        (f"/{IMAGE_ID}/1024x0.png", Derivative(IMAGE_ID, "1024x0.png")),
        (f"/{IMAGE_ID}/1024x0.gif", None),
        (f"/{IMAGE_ID}/0x0.avif", None),
        (f"/{IMAGE_ID}/1024x0.avif/", None),
        (f"/{IMAGE_ID}/1024x0.avif\n", None),
        (f"/img/{IMAGE_ID}", None),
        (f"/{IMAGE_ID.upper()}/1024x0.avif", None),
        ("/../etc/passwd", None),
        ("", None),
    ],
)
def test_paths(uri: str, expected: Derivative | None) -> None:
    assert parse_path(uri) == expected


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("derivatives.s3.us-east-1.amazonaws.com", Bucket("derivatives", "us-east-1")),
        ("a.b-c.s3.eu-central-1.amazonaws.com", Bucket("a.b-c", "eu-central-1")),
        ("derivatives.s3-us-west-2.amazonaws.com", Bucket("derivatives", "us-west-2")),
    ],
)
def test_buckets(domain: str, expected: Bucket) -> None:
    assert parse_bucket(domain) == expected


@pytest.mark.parametrize(
    "domain", ["", "example.com", "s3.us-east-1.amazonaws.com", "b.s3.us-east-1.amazonaws.com.evil"]
)
def test_other_domains_are_rejected(domain: str) -> None:
    with pytest.raises(ValueError, match=r"expected bucket\.s3\.region\.amazonaws\.com"):
        parse_bucket(domain)


HEAD = (f"HEAD /derivatives/{KEY}", "us-east-1", "")
INVOKE = (
    "POST /2015-03-31/functions/the-generator/invocations",
    "eu-west-1",
    json.dumps({"image_id": IMAGE_ID, "variant": "1024x0.avif"}),
)


def test_existing_derivative_is_served_by_s3(cloud: Cloud) -> None:
    given = event()
    assert handle(given) is given["Records"][0]["cf"]["request"]
    assert cloud.asked == [HEAD]


@pytest.mark.parametrize("status", ["made", "exists"])
def test_missing_derivative_is_made_first(cloud: Cloud, status: str) -> None:
    cloud.head_status, cloud.payload = 404, {"status": status}
    given = event()
    assert handle(given) is given["Records"][0]["cf"]["request"]
    assert cloud.asked == [HEAD, INVOKE]


@pytest.mark.parametrize("status", ["unknown_image", "not_on_ladder", "too_costly", "rejected", "removed", "held"])
def test_unavailable_variants_are_a_cacheable_404(cloud: Cloud, status: str) -> None:
    cloud.head_status, cloud.payload = 404, {"status": status}
    response = handle(event())
    assert response["status"] == "404"
    assert response["headers"]["cache-control"] == [{"key": "Cache-Control", "value": "public, max-age=60"}]


@pytest.mark.parametrize(
    ("status", "invoked"),
    [
        ("unknown_image", 1),
        ("rejected", 1),
        ("removed", 1),
        ("held", 1),
        ("not_on_ladder", 3),
        ("too_costly", 3),
        ("not_yet", 3),
    ],
)
def test_an_image_refused_as_a_whole_is_asked_for_once(cloud: Cloud, status: str, invoked: int) -> None:
    cloud.head_status, cloud.payload = 404, {"status": status}
    answers = [handle(event(uri=f"/{IMAGE_ID}/{width}x0.avif"))["status"] for width in (256, 512, 1024)]
    assert len(set(answers)) == 1
    assert sum(asked.startswith("POST") for asked, _, _ in cloud.asked) == invoked


def test_a_refusal_is_forgotten_after_its_time() -> None:
    now = 0.0
    refusals = Refusals(lambda: now, most=2)
    refusals.keep("a", "rejected", 60)
    assert refusals.find("a") == "rejected"
    now = 60.0
    assert refusals.find("a") is None
    for image_id in "bcd":
        refusals.keep(image_id, "unknown_image", 60)
    assert [refusals.find(each) for each in "bcd"] == [None, "unknown_image", "unknown_image"]


@pytest.mark.parametrize("uri", [f"/p-{KEY}", f"/p-{IMAGE_ID}", f"/p-{KEY}x"])
def test_404s_of_private_images_are_no_store(cloud: Cloud, uri: str) -> None:
    cloud.head_status, cloud.payload = 404, {"status": "unknown_image"}
    response = handle(event(uri=uri))
    assert response["status"] == "404"
    assert response["headers"]["cache-control"] == [{"key": "Cache-Control", "value": "no-store"}]


@pytest.mark.parametrize(
    ("status", "payload", "function_error"),
    [
        (429, {"Type": "User", "message": "Rate exceeded"}, None),
        (403, {"message": "not authorized"}, None),
        (500, {"message": "internal"}, None),
        (503, {}, None),
        (DROPPED, {}, None),
        (200, {"errorType": "MemoryError", "errorMessage": ""}, "Unhandled"),
        (200, {"errorType": "MemoryError", "status": "made"}, "Unhandled"),
        (200, {"status": "something new"}, None),
        (200, {"status": "not_yet"}, None),
        (200, {"outcome": "made"}, None),
        (200, {"status": None}, None),
        (200, ["made"], None),
        (200, None, None),
        (200, b"", None),
        (200, b"no json", None),
    ],
)
def test_generator_failures_are_503_and_no_store(
    cloud: Cloud, status: int, payload: Any, function_error: str | None
) -> None:
    cloud.head_status, cloud.invoke_status, cloud.payload, cloud.function_error = 404, status, payload, function_error
    response = handle(event())
    assert response["status"] == "503"
    assert response["headers"]["cache-control"][0]["value"] == "no-store"
    assert int(response["headers"]["retry-after"][0]["value"]) > 0
    assert cloud.asked == [HEAD, INVOKE], "expected one try: CloudFront's viewer is waiting"


@pytest.mark.parametrize("status", [403, 500, 503, DROPPED, HANGING])
def test_bucket_failures_are_left_to_the_failover(cloud: Cloud, status: int) -> None:
    cloud.head_status = status
    given = event()
    assert handle(given) is given["Records"][0]["cf"]["request"]
    assert cloud.asked == [HEAD], "expected one try, however it ends"


def test_origin_without_generator_is_unchanged(cloud: Cloud) -> None:
    given = event(x_darkroom_generator="")
    assert handle(given) is given["Records"][0]["cf"]["request"]
    assert cloud.asked == []


def test_other_paths_are_404_without_a_request(cloud: Cloud) -> None:
    assert handle(event(uri="/favicon.ico"))["status"] == "404"
    assert cloud.asked == []


def test_responses_have_the_shape_of_lambda_at_edge(cloud: Cloud) -> None:
    cloud.head_status, cloud.payload = 404, {"status": "unknown_image"}
    response = handle(event())
    assert set(response) == {"status", "statusDescription", "headers", "body"}
    assert all(name == entries[0]["key"].lower() for name, entries in response["headers"].items())


def of_the_replica(**headers: str) -> dict[str, Any]:
    return event(x_darkroom_generator="", x_darkroom_region="", x_darkroom_fallback="true", **headers)


def test_the_replica_serves_what_it_has_and_generates_nothing(cloud: Cloud) -> None:
    given = of_the_replica()
    assert handle(given) is given["Records"][0]["cf"]["request"]
    assert cloud.asked == [HEAD]


@pytest.mark.parametrize("status", [403, 404, 500, 503, DROPPED])
def test_what_the_replica_lacks_is_503_and_no_store(cloud: Cloud, status: int) -> None:
    cloud.head_status = status
    response = handle(of_the_replica())
    assert response["status"] == "503"
    assert response["headers"]["cache-control"] == [{"key": "Cache-Control", "value": "no-store"}]
    assert int(response["headers"]["retry-after"][0]["value"]) > 0
    assert all(asked.startswith("HEAD") for asked, _, _ in cloud.asked)
