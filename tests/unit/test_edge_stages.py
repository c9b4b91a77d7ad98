"""One request through the local edge's stages, with a scripted origin and a clock that the test turns."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.cloudfront.access_log import Served
from infra.local.cloudfront.cache import ResponseCache
from infra.local.cloudfront.distribution import (
    AddedHeader,
    Behavior,
    CachePolicy,
    Distribution,
    ResponseHeadersPolicy,
    S3Origin,
)
from infra.local.cloudfront.edge import Edge
from infra.local.cloudfront.edge_lambda import EdgeLambdaError
from infra.local.cloudfront.exchange import Response, ViewerRequest, error_page
from infra.local.cloudfront.functions import FunctionCode, FunctionRuntime
from infra.local.cloudfront.origins import Origins

REWRITE = """
function handler(event) {
    const request = event.request;
    if (request.uri === '/refused') {
        return { statusCode: 400, headers: { 'cache-control': { value: 'no-store' } }, body: 'expected' };
    }
    if (request.uri === '/throws') { throw new Error('broken'); }
    if (request.uri === '/invalid') { return 7; }
    request.uri = '/kept' + request.uri;
    request.querystring = {};
    return request;
}
"""
STAMP = "function handler(event) { event.response.headers['x-stamped'] = { value: '1' }; return event.response; }"
CACHE_CONTROL = "public, max-age=100, stale-while-revalidate=20, stale-if-error=300"
VARY = ResponseHeadersPolicy(added=(AddedHeader("vary", "Accept", override=True),))


def s3_origin(name: str) -> S3Origin:
    domain = f"{name}.s3.us-east-1.amazonaws.com"
    return S3Origin(name, name, "us-east-1", domain, custom_headers={"x-darkroom-generator": "g"}, signed=True)


def picture(body: bytes = b"picture", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(
        200, httpx.Headers({"etag": '"1"', "content-type": "image/avif", "cache-control": CACHE_CONTROL} | named), body
    )


@dataclass
class Script:
    """What stands behind the edge: buckets by name, and the origin-request function."""

    responses: dict[str, Response] = field(default_factory=lambda: {"primary": picture()})
    decide: Callable[[dict[str, Any]], Any] = lambda event: event["Records"][0]["cf"]["request"]
    fetched: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    now: float = 1_000_000.0

    async def fetch(self, origin: S3Origin, path: str, headers: dict[str, str]) -> Response:
        self.fetched.append((origin.bucket, path, headers))
        if self.gate:
            await self.gate.wait()
        return self.responses[origin.bucket]

    async def run(self, version: str, event: dict[str, Any]) -> Any:
        assert version == "arn:version:1"
        self.events.append(event)
        return self.decide(event)


def edge_for(script: Script, folder: Path, *, failover: frozenset[int] = frozenset(), response: bool = False) -> Edge:
    functions = {"rewrite": FunctionCode("rewrite", REWRITE), "stamp": FunctionCode("stamp", STAMP)}
    behavior = Behavior(
        pattern="*",
        origins=tuple(s3_origin(name) for name in (("primary", "replica") if failover else ("primary",))),
        failover=failover,
        methods=frozenset({"GET", "HEAD"}),
        cache=CachePolicy(min_seconds=0, default_seconds=60, max_seconds=1000),
        response_headers=VARY,
        functions={"viewer-request": "rewrite"} | ({"viewer-response": "stamp"} if response else {}),
        lambdas={"origin-request": "arn:version:1"},
    )
    errors = {404: 60, 403: 0, 500: 0, 502: 0, 503: 0, 504: 0}
    distribution = Distribution("E1", "arn:dist", "d1.cloudfront.net", (behavior,), functions, errors)
    origins = Origins(script, script)  # type: ignore[arg-type]
    return Edge(distribution, FunctionRuntime(functions), ResponseCache(folder), origins, lambda: script.now)


def request(path: str = "/a", method: str = "GET", **headers: str) -> ViewerRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ViewerRequest(method, path, "w=1&token=secret", httpx.Headers(named), "192.0.2.1")


def play(edge: Edge, scene: Callable[[Edge], Any]) -> Any:
    async def run() -> Any:
        try:
            return await scene(edge)
        finally:
            await edge.finish()
            await edge._functions.stop()
            edge.cache.close()

    return asyncio.run(run())


def serve(edge: Edge, *requests: ViewerRequest) -> list[Served]:
    async def one_after_another(edge: Edge) -> list[Served]:
        return [await edge.serve(request) for request in requests]

    served: list[Served] = play(edge, one_after_another)
    return served


def test_a_miss_then_a_hit(tmp_path: Path) -> None:
    script = Script()
    miss, hit = serve(edge_for(script, tmp_path), request(), request(accept="other"))
    assert [served.response.headers["x-cache"] for served in (miss, hit)] == [
        "Miss from cloudfront",
        "Hit from cloudfront",
    ]
    assert script.fetched == [("primary", "/kept/a", {})]
    assert miss.response.body == hit.response.body == b"picture"
    assert hit.response.headers["age"] == "0"
    assert "age" not in miss.response.headers
    assert {served.response.headers["vary"] for served in (miss, hit)} == {"Accept"}
    assert hit.path == "/kept/a"
    for name in ("via", "x-amz-cf-id", "x-amz-cf-pop", "date", "content-length"):
        assert name in hit.response.headers
    assert miss.request_id != hit.request_id
    assert miss.origin_seconds is not None
    assert hit.origin_seconds is None


def test_the_origin_request_event_is_cloudfront_s(tmp_path: Path) -> None:
    script = Script()
    serve(edge_for(script, tmp_path), request(method="HEAD"))
    cf = script.events[0]["Records"][0]["cf"]
    assert cf["config"]["eventType"] == "origin-request"
    assert cf["config"]["distributionId"] == "E1"
    assert (cf["request"]["uri"], cf["request"]["querystring"], cf["request"]["method"]) == ("/kept/a", "", "GET")
    assert cf["request"]["headers"]["host"] == [{"key": "host", "value": "primary.s3.us-east-1.amazonaws.com"}]
    s3 = cf["request"]["origin"]["s3"]
    assert s3["domainName"] == "primary.s3.us-east-1.amazonaws.com"
    assert s3["customHeaders"] == {"x-darkroom-generator": [{"key": "x-darkroom-generator", "value": "g"}]}


def test_head_has_no_body_and_fills_the_cache_for_get(tmp_path: Path) -> None:
    head, get = serve(edge_for(Script(), tmp_path), request(method="HEAD"), request())
    assert (head.response.body, head.response.headers["content-length"]) == (b"", "7")
    assert (get.result_type, get.response.body) == ("Hit", b"picture")


@pytest.mark.parametrize(
    ("path", "method", "status", "result"),
    [
        ("/refused", "GET", 400, "FunctionGeneratedResponse"),
        ("/throws", "GET", 503, "FunctionExecutionError"),
        ("/invalid", "GET", 502, "FunctionValidationError"),
        ("/a", "POST", 403, "Error"),
        ("/a", "DELETE", 403, "Error"),
    ],
)
def test_requests_that_end_before_the_cache(tmp_path: Path, path: str, method: str, status: int, result: str) -> None:
    script = Script()
    for served in serve(edge_for(script, tmp_path), request(path, method), request(path, method)):
        assert (served.response.status, served.result_type) == (status, result)
        assert served.response.headers["x-cache"] == f"{result} from cloudfront"
        assert served.path == path
    assert script.fetched == script.events == []


def test_simultaneous_first_requests_reach_the_origin_once(tmp_path: Path) -> None:
    script = Script()

    async def hundred(edge: Edge) -> list[Served]:
        script.gate = asyncio.Event()
        waiting = [asyncio.create_task(edge.serve(request())) for _ in range(100)]
        while not script.fetched:
            await asyncio.sleep(0.001)
        script.gate.set()
        return await asyncio.gather(*waiting)

    served: list[Served] = play(edge_for(script, tmp_path), hundred)
    assert len(script.fetched) == len(script.events) == 1
    assert sorted(one.result_type for one in served) == ["Hit"] * 99 + ["Miss"]


def test_stale_is_served_while_one_request_refreshes_it(tmp_path: Path) -> None:
    script = Script()

    async def scene(edge: Edge) -> list[Served]:
        first = await edge.serve(request())
        script.now += 110
        script.responses["primary"] = picture(b"newer", etag='"2"')
        stale = [await edge.serve(request()) for _ in range(3)]
        await edge.finish()
        return [first, *stale, await edge.serve(request())]

    first, *stale, fresh = play(edge_for(script, tmp_path), scene)
    assert {served.response.body for served in stale} <= {b"picture", b"newer"}
    assert stale[0].response.body == b"picture"
    assert (stale[0].result_type, stale[0].response.headers["age"]) == ("Hit", "110")
    assert (fresh.response.body, fresh.response.headers["age"]) == (b"newer", "0")
    assert [conditions for _, _, conditions in script.fetched] == [{}, {"if-none-match": '"1"'}]
    assert first.result_type == "Miss"


def test_revalidation_after_the_stale_window(tmp_path: Path) -> None:
    script = Script()

    async def scene(edge: Edge) -> list[Served]:
        await edge.serve(request())
        script.now += 130
        script.responses["primary"] = Response(304, httpx.Headers({"etag": '"1"', "date": "now"}))
        return [await edge.serve(request()), await edge.serve(request())]

    refreshed, hit = play(edge_for(script, tmp_path), scene)
    assert (refreshed.response.status, refreshed.result_type, refreshed.response.body) == (
        200,
        "RefreshHit",
        b"picture",
    )
    assert refreshed.response.headers["content-type"] == "image/avif"
    assert (hit.result_type, hit.response.headers["age"]) == ("Hit", "0")


@pytest.mark.parametrize(
    ("seconds", "status", "body"), [(130, 200, b"picture"), (399, 200, b"picture"), (401, 503, None)]
)
def test_stale_is_served_while_the_origin_fails(tmp_path: Path, seconds: int, status: int, body: bytes | None) -> None:
    script = Script()

    async def scene(edge: Edge) -> list[Served]:
        await edge.serve(request())
        script.now += seconds
        script.responses["primary"] = error_page(503, "down")
        return [await edge.serve(request()), await edge.serve(request())]

    for served in play(edge_for(script, tmp_path), scene):
        assert served.response.status == status
        assert body is None or served.response.body == body
    assert len(script.fetched) == 3, "expected every request to try the origin again: no 5xx is kept"


def test_a_5xx_is_never_kept(tmp_path: Path) -> None:
    script = Script(responses={"primary": error_page(503, "down")})

    async def scene(edge: Edge) -> list[Served]:
        failed = await edge.serve(request())
        script.responses["primary"] = picture()
        return [failed, await edge.serve(request())]

    failed, served = play(edge_for(script, tmp_path), scene)
    assert (failed.response.status, failed.result_type) == (503, "Error")
    assert (served.response.status, served.result_type) == (200, "Miss")
    assert failed.response.headers["vary"] == "Accept"


def generated(status: int, cache_control: str) -> Callable[[dict[str, Any]], Any]:
    headers = {"cache-control": [{"key": "Cache-Control", "value": cache_control}]}
    return lambda _event: {"status": str(status), "headers": headers, "body": "no"}


def test_a_404_of_the_lambda_is_kept_for_its_lifetime(tmp_path: Path) -> None:
    script = Script(decide=generated(404, "public, max-age=60"))

    async def scene(edge: Edge) -> list[Served]:
        served = [await edge.serve(request()), await edge.serve(request())]
        script.now += 61
        return [*served, await edge.serve(request())]

    served = play(edge_for(script, tmp_path), scene)
    assert [one.response.status for one in served] == [404] * 3
    assert [one.result_type for one in served] == ["LambdaGeneratedResponse", "Error", "LambdaGeneratedResponse"]
    assert len(script.events) == 2
    assert script.fetched == []
    assert {one.response.headers["vary"] for one in served} == {"Accept"}


def test_a_503_of_the_lambda_is_not_kept(tmp_path: Path) -> None:
    script = Script(decide=generated(503, "no-store"))
    served = serve(edge_for(script, tmp_path), request(), request())
    assert [one.result_type for one in served] == ["LambdaGeneratedResponse"] * 2
    assert len(script.events) == 2


def _fails(event: dict[str, Any]) -> Any:
    raise EdgeLambdaError("throttled", "LambdaLimitExceeded")


@pytest.mark.parametrize(
    ("decide", "status", "result"),
    [
        (_fails, 503, "LambdaLimitExceeded"),
        (lambda _event: None, 502, "LambdaValidationError"),
        (lambda _event: {"uri": "relative"}, 502, "LambdaValidationError"),
        (lambda _event: {"status": "many"}, 502, "LambdaValidationError"),
        (lambda _event: {"status": "200", "body": "x" * 1_100_000}, 502, "LambdaValidationError"),
        (
            lambda event: {
                **event["Records"][0]["cf"]["request"],
                "origin": {"s3": {"domainName": "other.s3.us-east-1.amazonaws.com"}},
            },
            502,
            "LambdaValidationError",
        ),
    ],
)
def test_a_lambda_that_fails(tmp_path: Path, decide: Callable[[Any], Any], status: int, result: str) -> None:
    script = Script(decide=decide)
    (served,) = serve(edge_for(script, tmp_path), request())
    assert (served.response.status, served.result_type) == (status, result)
    assert script.fetched == []


def test_the_lambda_may_change_path_and_headers(tmp_path: Path) -> None:
    def decide(event: dict[str, Any]) -> Any:
        return {**event["Records"][0]["cf"]["request"], "uri": "/elsewhere"}

    script = Script(decide=decide)
    serve(edge_for(script, tmp_path), request())
    assert script.fetched == [("primary", "/elsewhere", {})]


@pytest.mark.parametrize(
    ("primary", "served_by"), [(403, "replica"), (503, "replica"), (404, "primary"), (200, "primary")]
)
def test_failover_on_the_named_statuses(tmp_path: Path, primary: int, served_by: str) -> None:
    response = picture(b"primary") if primary == 200 else error_page(primary, "refused")
    script = Script(responses={"primary": response, "replica": picture(b"replica")})
    (served,) = serve(edge_for(script, tmp_path, failover=frozenset({403, 503})), request())
    assert [bucket for bucket, _, _ in script.fetched][-1] == served_by
    assert served.response.status == (200 if served_by == "replica" else primary)
    assert len(script.events) == len(script.fetched), "the origin-request function runs for each origin"


def test_the_last_origin_s_response_is_served_if_both_fail(tmp_path: Path) -> None:
    script = Script(responses={"primary": error_page(503, "down"), "replica": error_page(504, "slow")})
    (served,) = serve(edge_for(script, tmp_path, failover=frozenset({503, 504})), request())
    assert (served.response.status, served.result_type) == (504, "Error")


def test_viewer_response_function_skips_errors(tmp_path: Path) -> None:
    script = Script()

    async def scene(edge: Edge) -> list[Served]:
        miss = await edge.serve(request())
        script.responses["primary"] = error_page(503, "down")
        return [miss, await edge.serve(request()), await edge.serve(request("/b"))]

    miss, hit, failed = play(edge_for(script, tmp_path, response=True), scene)
    assert [served.response.headers.get("x-stamped") for served in (miss, hit, failed)] == ["1", "1", None]
    assert miss.response.body == hit.response.body == b"picture"


def test_conditional_and_range_on_a_hit(tmp_path: Path) -> None:
    _, unchanged, part = serve(
        edge_for(Script(), tmp_path), request(), request(if_none_match='"1"'), request(range="bytes=0-2")
    )
    assert (unchanged.response.status, unchanged.response.body) == (304, b"")
    assert unchanged.response.headers["vary"] == "Accept"
    assert (part.response.status, part.response.body, part.response.headers["content-length"]) == (206, b"pic", "3")


def test_private_responses_are_not_kept(tmp_path: Path) -> None:
    script = Script(responses={"primary": picture(cache_control="private, max-age=60")})
    assert [served.result_type for served in serve(edge_for(script, tmp_path), request(), request())] == [
        "Miss",
        "Miss",
    ]
