"""The edge: pictures negotiated, cached, made when they are missing, and written to the access log."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import pyvips
import samples
from access_logs import edge_statistics, logged_records
from botocore.exceptions import ClientError
from outcomes import await_outcome, upload

from infra.local.endpoint import ACCOUNT
from infra.local.guard import TOKEN_HEADER
from infra.local.parts import part_environment
from infra.local.ports import choose_ports
from infra.local.processes import log_tail, python_module
from infra.local.stack import LocalStack
from infra.local.state import CHECKOUT, Ports, StateFolder
from infra.names import Names
from lambdas.core.keys import ImageId, new_image_id, parse_image_id
from lambdas.edge.inline import NEGOTIATED_HEADERS

CHROMIUM = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SAFARI = "image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
SAFARI_14 = "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"
CURL = "*/*"
LOADERS = {"avif": "heifload_buffer", "webp": "webpload_buffer", "jpeg": "jpegload_buffer"}


@pytest.fixture(scope="module")
def image_id(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> ImageId:
    """One picture that went through the pipeline."""
    file = tmp_path_factory.mktemp("edge") / "photo.jpg"
    file.write_bytes(samples.jpeg())
    uploaded = parse_image_id(upload(stack, file))
    assert await_outcome(stack, uploaded)["state"] == "ready"
    return uploaded


@pytest.fixture
def edge(stack: LocalStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.edge_url, trust_env=False, timeout=60, headers=stack.owner_headers) as client:
        yield client


def negotiates(answer: httpx.Response) -> bool:
    """Tell whether Vary names every header that the answer may depend on."""
    named = {name.strip().lower() for name in answer.headers.get("vary", "").split(",")}
    return {name.lower() for name in NEGOTIATED_HEADERS} <= named


@pytest.mark.parametrize(
    ("accept", "expected"),
    [(CHROMIUM, "avif"), (SAFARI, "avif"), (SAFARI_14, "webp"), (CURL, "jpeg")],
    ids=["chromium", "safari", "safari-14", "curl"],
)
def test_a_browser_gets_a_format_that_it_accepts_and_the_next_request_hits(
    edge: httpx.Client, image_id: ImageId, accept: str, expected: str
) -> None:
    edge.post("/_edge/invalidate", json={"paths": [f"/{image_id}/*"]})
    miss, hit = (edge.get(f"/img/{image_id}?w=800", headers={"accept": accept}) for _ in range(2))

    assert (miss.status_code, hit.status_code) == (200, 200)
    assert miss.headers["content-type"] == hit.headers["content-type"] == f"image/{expected}"
    assert miss.headers["x-cache"] == "Miss from cloudfront"
    assert hit.headers["x-cache"] == "Hit from cloudfront"
    assert int(hit.headers["age"]) >= 0
    assert miss.content == hit.content
    assert negotiates(miss)
    assert negotiates(hit)
    picture = pyvips.Image.new_from_buffer(miss.content, "")
    assert picture.get("vips-loader") == LOADERS[expected]
    assert (picture.width, picture.height) == (1024, 683)


def test_cached_as_the_settings_say(edge: httpx.Client, stack: LocalStack, image_id: ImageId) -> None:
    answer = edge.get(f"/img/{image_id}", headers={"accept": CHROMIUM})
    assert answer.headers["cache-control"] == stack.settings.delivery.cache_control
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "Sec-CH-DPR" in answer.headers["accept-ch"]
    assert answer.headers["timing-allow-origin"] == ", ".join(stack.settings.delivery.cors_origins)
    assert answer.headers["content-disposition"] == "inline"
    assert answer.headers["etag"]


def test_scripts_of_other_origins_may_read_pictures(edge: httpx.Client, image_id: ImageId) -> None:
    plain = edge.get(f"/img/{image_id}?w=512")
    cross = edge.get(f"/img/{image_id}?w=512", headers={"origin": "https://shop.example"})
    assert cross.headers["access-control-allow-origin"] == "*"
    assert negotiates(plain)
    assert negotiates(cross)


@pytest.mark.parametrize(
    ("query", "hints", "path"),
    [
        ("w=800&dpr=2&ar=1:1&fmt=avif", {}, "1600x1600.avif"),
        ("w=200&fmt=jpeg", {}, "256x0.jpeg"),
        ("w=200&fmt=jpeg", {"sec-ch-dpr": "2"}, "512x0.jpeg"),
        ("fmt=webp", {"save-data": "on"}, "512x0.webp"),
        ("fmt=webp&utm_source=mail", {"sec-ch-width": "1500"}, "1600x0.webp"),
    ],
)
def test_url_and_hints_choose_the_derivative(
    edge: httpx.Client, stack: LocalStack, image_id: ImageId, query: str, hints: dict[str, str], path: str
) -> None:
    answer = edge.get(f"/img/{image_id}?{query}", headers=hints)
    stored = stack.client("s3").get_object(Bucket=stack.parameter("derivatives-bucket"), Key=f"{image_id}/{path}")
    assert answer.content == stored["Body"].read()


def test_conditional_and_range(edge: httpx.Client, image_id: ImageId) -> None:
    url, headers = f"/img/{image_id}?w=256", {"accept": CHROMIUM}
    whole = edge.get(url, headers=headers)
    unchanged = edge.get(url, headers={**headers, "if-none-match": whole.headers["etag"]})
    part = edge.get(url, headers={**headers, "range": "bytes=4-11"})
    head = edge.head(url, headers=headers)

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert negotiates(unchanged)
    assert (part.status_code, part.content) == (206, whole.content[4:12])
    assert part.headers["content-range"] == f"bytes 4-11/{len(whole.content)}"
    assert (head.content, head.headers["content-length"]) == (b"", str(len(whole.content)))


def test_an_unknown_image_is_404_and_cached(edge: httpx.Client, stack: LocalStack) -> None:
    first, second = (edge.get(f"/img/{unknown}") for unknown in [new_image_id()] * 2)
    assert (first.status_code, second.status_code) == (404, 404)
    assert first.headers["x-cache"] == "LambdaGeneratedResponse from cloudfront"
    assert second.headers["x-cache"] == "Error from cloudfront"
    assert "age" in second.headers
    assert first.headers["cache-control"] == f"public, max-age={stack.settings.delivery.not_found_seconds}"
    assert negotiates(first)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/img/not-an-id", 400),
        ("/img/{id}?w=0", 400),
        ("/img/{id}?w=800&w=900", 400),
        ("/img/{id}?dpr=many", 400),
        ("/img/{id}?ar=7:1", 400),
        ("/img/{id}?fmt=gif", 400),
        ("/img/p-{id}", 401),
        ("/{id}/1024x0.avif", 404),
        ("/{id}/1024x0.avif?w=1", 404),
        ("/", 404),
        ("/favicon.ico", 404),
        ("/demo/2026-01-01/{id}", 404),
        ("/img/{id}/../../secret", 404),
        ("/img/%ff%00", 400),
    ],
)
def test_other_paths_are_refused_at_the_edge(edge: httpx.Client, image_id: ImageId, path: str, status: int) -> None:
    answer = edge.get(path.replace("{id}", image_id))
    assert (answer.status_code, answer.headers["x-cache"]) == (status, "FunctionGeneratedResponse from cloudfront")
    assert answer.text.startswith("expected ")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(edge: httpx.Client, image_id: ImageId, method: str) -> None:
    assert edge.request(method, f"/img/{image_id}").status_code == 403


def test_a_deleted_derivative_comes_back(edge: httpx.Client, stack: LocalStack, image_id: ImageId) -> None:
    url, key, headers = f"/img/{image_id}?w=512", f"{image_id}/512x0.webp", {"accept": SAFARI_14}
    s3, bucket = stack.client("s3"), stack.parameter("derivatives-bucket")
    before = edge.get(url, headers=headers)
    s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key=key)
    assert edge.get(url, headers=headers).headers["x-cache"] == "Hit from cloudfront"

    assert edge.post("/_edge/invalidate", json={"paths": [f"/{key}"]}).json() == {"invalidated": 1}
    again = edge.get(url, headers=headers)

    assert (again.status_code, again.headers["x-cache"]) == (200, "Miss from cloudfront")
    assert again.headers["content-type"] == "image/webp"
    assert again.content == before.content
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(again.content)


def test_simultaneous_first_requests_make_a_variant_once(
    edge: httpx.Client, stack: LocalStack, image_id: ImageId
) -> None:
    url, key = f"/img/{image_id}?w=512&ar=16:9", f"{image_id}/512x288.webp"
    s3, bucket = stack.client("s3"), stack.parameter("derivatives-bucket")

    with ThreadPoolExecutor(100) as threads:
        answers = list(threads.map(lambda _: edge.get(url, headers={"accept": SAFARI_14}), range(100)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    results = sorted(answer.headers["x-cache"] for answer in answers)
    assert results == ["Hit from cloudfront"] * 99 + ["Miss from cloudfront"]
    versions = s3.list_object_versions(Bucket=bucket, Prefix=key)
    assert len(versions["Versions"]) == 1


def test_a_throttled_generator_is_503_and_never_kept(edge: httpx.Client, stack: LocalStack, image_id: ImageId) -> None:
    url, functions = f"/img/{image_id}?w=256&ar=4:3&fmt=jpeg", stack.client("lambda")
    generator = Names(stack.settings, ACCOUNT).function("generate")
    reserved = functions.get_function_concurrency(FunctionName=generator).get("ReservedConcurrentExecutions")
    functions.put_function_concurrency(FunctionName=generator, ReservedConcurrentExecutions=0)
    try:
        throttled = edge.get(url)
    finally:
        if reserved is None:
            functions.delete_function_concurrency(FunctionName=generator)
        else:
            functions.put_function_concurrency(FunctionName=generator, ReservedConcurrentExecutions=reserved)
    made = edge.get(url)

    assert (throttled.status_code, throttled.headers["cache-control"]) == (503, "no-store")
    assert int(throttled.headers["retry-after"]) > 0
    assert (made.status_code, made.headers["content-type"]) == (200, "image/jpeg")


def test_the_log_has_what_the_edge_counted(edge: httpx.Client, stack: LocalStack, image_id: ImageId) -> None:
    before, logged_before = edge_statistics(edge), logged_records(stack)
    asked: list[Callable[[], httpx.Response]] = [
        lambda: edge.get(f"/img/{image_id}?w=1024", headers={"accept": CHROMIUM}),
        lambda: edge.get(f"/img/{image_id}?w=1024", headers={"accept": CHROMIUM}),
        lambda: edge.get(f"/img/{image_id}?w=1024&token=secret", headers={"accept": CURL, "cookie": "token=secret"}),
        lambda: edge.get("/img/malformed"),
        lambda: edge.head(f"/img/{image_id}"),
    ]
    for ask in asked:
        ask()
    after, logged = edge_statistics(edge), logged_records(stack)

    known = {record["x_edge_request_id"] for record in logged_before}
    new = [record for record in logged if record["x_edge_request_id"] not in known]
    assert len(new) == after["requests"] - before["requests"] == len(asked)
    assert sum(int(record["sc_bytes"]) for record in new) == after["bytes"] - before["bytes"]
    hits = [record for record in new if record["x_edge_result_type"] == "Hit"]
    assert len(hits) == after["hits"] - before["hits"]
    assert {record["cs_uri_stem"] for record in new} == {
        f"/{image_id}/1024x0.avif",
        f"/{image_id}/1024x0.jpeg",
        "/img/malformed",
    }
    assert "secret" not in json.dumps(new)


@pytest.mark.parametrize(
    ("target", "header", "status"),
    [
        (b"/img/{id}", b"x-odd: \xc3\xa9\xff", 200),
        (b"/img/{id}", b"accept: \xff\xfe", 200),
        (b"/img/{id}", b"range: bytes=0-" + b"9" * 5000, 200),
        (b"/img/{id}", b"range: bytes=\xff", 200),
        (b"/img/{id}", b"if-none-match: \xff", 200),
        (b"/img/{id}", b"if-modified-since: Thu, 99 Jan 99999999 00:00:00 GMT", 200),
        (b"/img/{id}", b"user-agent: \xff", 200),
        (b"/img/{id}", b"referer: \xff", 200),
        (b"/img/{id}", b"origin: \xff", 200),
        (b"/img/{id}", b"cookie: " + b"a=b; " * 3000, 200),
        (b"/img/{id}?" + b"a" * 8000, b"", 200),
        (b"/img/{id}?" + b"a" * 9000, b"", 413),
        (b"/img/{id}?w=\xff", b"", 400),
        (b"/img/\xff\xfe", b"", 400),
        (b"/img/{id}%0d%0aX:%201", b"", 400),
        (b"//img//{id}", b"", 404),
        (b"/_edge/../img/{id}", b"", 403),
        (b"*", b"", 404),
    ],
)
def test_malformed_requests_do_not_break_the_edge(
    stack: LocalStack, image_id: ImageId, target: bytes, header: bytes, status: int
) -> None:
    lines = [
        b"GET " + target.replace(b"{id}", image_id.encode()) + b" HTTP/1.1",
        b"Host: localhost",
        b"Connection: close",
    ]
    with socket.create_connection(("127.0.0.1", stack.ports.edge), timeout=60) as connection:
        connection.sendall(b"\r\n".join([*lines, *([header] if header else []), b"", b""]))
        answer = connection.makefile("rb").readline()
    assert answer.split()[1] == str(status).encode()


@pytest.mark.parametrize("body", [b"[]", b"no json", b'{"paths": "/*"}', b'{"paths": ["no-slash"]}', b'{"other": 1}'])
def test_a_malformed_invalidation_is_refused(edge: httpx.Client, body: bytes) -> None:
    answer = edge.post("/_edge/invalidate", content=body)
    assert (answer.status_code, "expected" in answer.json()["error"]) == (400, True)


def test_a_restart_loses_no_record_and_keeps_the_cache(stack: LocalStack, image_id: ImageId, tmp_path: Path) -> None:
    port = choose_ports(Ports.any_free()).edge
    folder = StateFolder(tmp_path)
    folder.create()
    ports = stack.ports.model_copy(update={"edge": port})
    environment = part_environment(folder, ports, stack.endpoint, stack.state.stage)
    url = f"http://127.0.0.1:{port}"
    results, ids = [], []
    for _ in range(2):
        with folder.log("edge").open("ab") as log:
            process = subprocess.Popen(
                python_module("infra.local.cloudfront"), env=environment, cwd=CHECKOUT, stdout=log, stderr=log
            )
        try:
            _await_health(url, {TOKEN_HEADER: folder.keys().token}, process, folder.log("edge"))
            answer = httpx.get(f"{url}/img/{image_id}", headers={"accept": CHROMIUM}, trust_env=False, timeout=60)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)
        results.append(answer.headers["x-cache"])
        ids.append(answer.headers["x-amz-cf-id"])

    assert results == ["Miss from cloudfront", "Hit from cloudfront"]
    assert set(ids) <= {record["x_edge_request_id"] for record in logged_records(stack)}


def _await_health(url: str, owner_headers: dict[str, str], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log_tail(log)
        try:
            if httpx.get(f"{url}/_edge/health", headers=owner_headers, trust_env=False, timeout=60).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"expected the edge at {url} but it does not answer:\n{log_tail(log)}")
