"""CloudFront Functions in the local edge: the event, the result, and the runtime that they see."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from edge_function_runs import CONTEXT, event_for

from infra.local.cloudfront.exchange import Response, ViewerRequest
from infra.local.cloudfront.functions import FunctionCode, FunctionError, FunctionRuntime
from infra.local.cloudfront.viewer_events import (
    FunctionResultError,
    apply_to_request,
    apply_to_response,
    viewer_request_event,
    viewer_response_event,
)
from lambdas.core.settings import load_settings
from lambdas.edge.inline import viewer_request_source, viewer_response_source

REQUEST = ViewerRequest(
    "GET",
    "/img/a%20b",
    "w=1&x=%41&w=2&flag",
    httpx.Headers([("accept", "a"), ("accept", "b"), ("host", "h"), ("cookie", "s=1; t=2; broken; s=3")]),
    "192.0.2.1",
)


def run(
    source: str,
    event: Any = None,
    keys: Mapping[str, str] | None = None,
    log: Callable[[str], None] | None = None,
) -> Any:
    async def once() -> Any:
        runtime = FunctionRuntime({"f": FunctionCode("f", source, keys or {})})
        try:
            await runtime.start()
            return await runtime.run("f", event if event is not None else {}, log)
        finally:
            await runtime.stop()

    return asyncio.run(once())


def test_event_of_a_request() -> None:
    event = viewer_request_event(CONTEXT, REQUEST)
    assert event["version"] == "1.0"
    assert event["context"] == {
        "distributionDomainName": "d111.cloudfront.net",
        "distributionId": "E1TEST",
        "eventType": "viewer-request",
        "requestId": "request-id",
    }
    assert event["viewer"] == {"ip": "192.0.2.1"}
    assert event["request"] == {
        "method": "GET",
        "uri": "/img/a%20b",
        "querystring": {
            "w": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]},
            "x": {"value": "%41"},
            "flag": {"value": ""},
        },
        "headers": {"accept": {"value": "a", "multiValue": [{"value": "a"}, {"value": "b"}]}, "host": {"value": "h"}},
        "cookies": {"s": {"value": "1", "multiValue": [{"value": "1"}, {"value": "3"}]}, "t": {"value": "2"}},
    }


def test_headers_of_any_text_pass_through() -> None:
    odd = ViewerRequest(
        "GET", "/a", "", httpx.Headers([(b"x-latin", b"\xe9\xff"), (b"x-utf", "é".encode())]), "192.0.2.1"
    )
    event = viewer_request_event(CONTEXT, odd)
    changed = apply_to_request(event["request"], odd)
    assert isinstance(changed, ViewerRequest)
    assert set(changed.headers) == {"x-latin", "x-utf"}


def test_an_unchanged_request_is_the_same() -> None:
    result = viewer_request_event(CONTEXT, REQUEST)["request"]
    same = apply_to_request(result, REQUEST)
    assert isinstance(same, ViewerRequest)
    assert (same.path, same.query) == (REQUEST.path, "w=1&w=2&x=%41&flag=")
    assert same.headers.get_list("accept") == ["a", "b"]
    assert same.headers["cookie"] == "s=1; s=3; t=2"


@pytest.mark.parametrize(
    ("uri", "path"), [("/a b", "/a%20b"), ("/é", "/%C3%A9"), ("/%41", "/%41"), ("/a'(b)", "/a'(b)")]
)
def test_an_unencoded_path_of_a_function_is_encoded(uri: str, path: str) -> None:
    changed = apply_to_request({"uri": uri, "querystring": "a=b"}, REQUEST)
    assert isinstance(changed, ViewerRequest)
    assert (changed.path, changed.query) == (path, "a=b")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"encoding": "text", "data": "é"}, "é".encode()),
        ({"encoding": "base64", "data": "AAE="}, b"\x00\x01"),
        ("plain", b"plain"),
        (None, b""),
    ],
)
def test_a_response_of_a_function(body: Any, expected: bytes) -> None:
    result = {"statusCode": 404, "headers": {"x-a": {"value": "1"}}, "body": body}
    response = apply_to_request(result, REQUEST)
    assert isinstance(response, Response)
    assert (response.status, response.headers["x-a"], response.body) == (404, "1", expected)


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        "request",
        {},
        {"uri": "no-slash"},
        {"uri": 1},
        {"uri": "/a", "headers": {"x": "bare"}},
        {"uri": "/a", "headers": {"x": {}}},
        {"uri": "/a", "headers": {"x": {"value": "1\r\ny: 2"}}},
        {"uri": "/a", "headers": {"x y": {"value": "1"}}},
        {"uri": "/a", "querystring": {"x": None}},
        {"statusCode": "404"},
        {"statusCode": 99},
        {"statusCode": 600},
    ],
)
def test_results_that_cloudfront_refuses(result: Any) -> None:
    with pytest.raises(FunctionResultError, match=r"expected .* received"):
        apply_to_request(result, REQUEST)


def test_a_response_function_sees_no_body_and_keeps_it() -> None:
    response = Response(200, httpx.Headers({"etag": "1"}), b"picture")
    event = viewer_response_event(CONTEXT, REQUEST, response)
    assert event["response"] == {
        "statusCode": 200,
        "statusDescription": "OK",
        "headers": {"etag": {"value": "1"}},
        "cookies": {},
    }
    event["response"]["headers"]["x-added"] = {"value": "2"}
    changed = apply_to_response(event["response"], response)
    assert (changed.body, changed.headers["x-added"]) == (b"picture", "2")
    with pytest.raises(FunctionResultError):
        apply_to_response({"uri": "/a"}, response)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("function handler(event) { return event.request; }", {"uri": "/a"}),
        ("async function handler(event) { return event.request; }", {"uri": "/a"}),
        ("const handler = event => ({ uri: event.request.uri + 'b' });", {"uri": "/ab"}),
        (
            "import crypto from 'crypto';\nfunction handler() {"
            " return crypto.createHmac('sha256', 'key').update('text').digest('hex').slice(0, 8); }",
            "6afa9046",
        ),
        ("import qs from 'querystring';\nfunction handler() { return qs.parse('a=1').a; }", "1"),
        ("function handler() { return Buffer.from('aGk=', 'base64').toString(); }", "hi"),
        (
            "function handler() { console.log('seen'); return typeof process + typeof fetch + typeof require; }",
            "undefined" * 3,
        ),
        ("function handler() { return typeof setTimeout; }", "undefined"),
        ("function handler(event) { return event instanceof Object; }", True),
    ],
)
def test_features_of_the_function_runtime(source: str, expected: Any) -> None:
    assert run(source, {"request": {"uri": "/a"}}) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return await store.get('k1');", "secret"),
        ("return (await store.get('k2', { format: 'json' })).a;", 1),
        ("return [await store.exists('k1'), await store.exists('none'), await store.count()];", [True, False, 2]),
        ("try { await store.get('none'); } catch (error) { return 'missing'; }", "missing"),
    ],
)
def test_key_value_store(body: str, expected: Any) -> None:
    source = f"import cf from 'cloudfront';\nconst store = cf.kvs();\nasync function handler() {{ {body} }}"
    assert run(source, keys={"k1": "secret", "k2": '{"a": 1}'}) == expected


@pytest.mark.parametrize(
    "source",
    [
        "function handler() { throw new Error('broken'); }",
        "async function handler() { throw 'broken'; }",
        "function handler() { return eval('1'); }",
        "function handler() { return new Function('return 1')(); }",
        "import fs from 'fs';\nfunction handler() { return 1; }",
        "function other() { return 1; }",
        "function handler( { return 1; }",
        "throw new Error('at load');\nfunction handler() {}",
    ],
)
def test_functions_that_fail(source: str) -> None:
    with pytest.raises(FunctionError):
        run(source)


def test_a_function_that_never_returns_is_ended_and_the_next_request_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local.cloudfront.functions.DEADLINE_SECONDS", 0.5)
    source = "function handler(event) { while (event.hang) {} return 'served'; }"

    async def twice() -> str:
        runtime = FunctionRuntime({"f": FunctionCode("f", source)})
        try:
            await runtime.start()
            with pytest.raises(FunctionError, match="expected the function to return within"):
                await runtime.run("f", {"hang": True})
            monkeypatch.setattr("infra.local.cloudfront.functions.DEADLINE_SECONDS", 10)
            return str(await runtime.run("f", {"hang": False}))
        finally:
            await runtime.stop()

    assert asyncio.run(twice()) == "served"


def test_a_killed_runtime_is_replaced() -> None:
    async def killed_between() -> list[int]:
        runtime = FunctionRuntime({"f": FunctionCode("f", "function handler(event) { return event.n; }")})
        try:
            await runtime.start()
            first = await runtime.run("f", {"n": 1})
            assert runtime._process is not None
            runtime._process._process.kill()
            while not runtime._process.has_ended:
                await asyncio.sleep(0.01)
            return [first, *await asyncio.gather(*(runtime.run("f", {"n": n}) for n in range(2, 30)))]
        finally:
            await runtime.stop()

    assert asyncio.run(killed_between()) == list(range(1, 30))


def test_an_unknown_function_is_refused() -> None:
    with pytest.raises(FunctionError, match=r"expected one of \[\] to run but received 'none'"):
        asyncio.run(FunctionRuntime({}).run("none", {}))


def test_changed_keys_reach_the_running_and_the_next_runtime() -> None:
    source = "import cf from 'cloudfront';\nconst keys = cf.kvs();\nasync function handler() { return keys.get('a'); }"

    async def read_thrice() -> list[str]:
        runtime = FunctionRuntime({"f": FunctionCode("f", source, {"a": "old"})})
        try:
            await runtime.start()
            first = await runtime.run("f", {})
            await runtime.put_keys("f", {"a": "new"})
            second = await runtime.run("f", {})
            await runtime.stop()
            return [first, second, await runtime.run("f", {})]
        finally:
            await runtime.stop()

    assert asyncio.run(read_thrice()) == ["old", "new", "new"]


def test_logs_of_overlapping_functions_are_kept_apart() -> None:
    source = """
        import cf from 'cloudfront';
        const keys = cf.kvs();
        async function handler(event) {
            await keys.get('a');
            if (event.n) { cf.logCustomData('event ' + event.n); }
            return event.n;
        }
    """

    async def overlapping() -> list[list[str]]:
        runtime = FunctionRuntime({"f": FunctionCode("f", source, {"a": "1"})})
        logged: list[list[str]] = [[] for _ in range(20)]
        try:
            await runtime.start()
            await asyncio.gather(*(runtime.run("f", {"n": n}, logged[n].append) for n in range(20)))
        finally:
            await runtime.stop()
        return logged

    assert asyncio.run(overlapping()) == [[], *([f"event {n}"] for n in range(1, 20))]


@pytest.mark.parametrize(
    ("query", "headers", "logged"),
    [
        ("w=800&dpr=2&ar=1:1&token=secret", {"accept": "image/avif"}, "1600x1600.avif_1600"),
        ("w=375&dpr=2.625", {"accept": "image/webp"}, "1024x0.webp_985"),
        ("w=9000", {}, "2560x0.jpeg_9000"),
        ("", {"sec-ch-width": "300"}, "512x0.jpeg_300"),
        ("", {}, "1024x0.jpeg_"),
        ("w=wide", {}, None),
    ],
    ids=["density", "fraction", "beyond-the-ladder", "hint", "nothing-asked", "refused"],
)
def test_what_was_asked_for_is_logged(query: str, headers: dict[str, str], logged: str | None) -> None:
    found: list[str] = []
    event = event_for(f"/img/{'0' * 32}?{query}", headers)
    run(viewer_request_source(load_settings()), event, log=found.append)
    assert found == ([logged] if logged else [])


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize(
    ("headers", "logged"),
    [
        ({"x-amz-replication-status": "REPLICA"}, ["replica"]),
        ({"x-amz-replication-status": "COMPLETED"}, []),
        ({}, []),
    ],
)
def test_the_replicas_answers_are_noted_and_private_ones_kept_out_of_shared_caches(
    private: bool, headers: dict[str, str], logged: list[str]
) -> None:
    found: list[str] = []
    kept = {"cache-control": "public, max-age=604800"}
    event = viewer_response_event(CONTEXT, REQUEST, Response(200, httpx.Headers(headers | kept)))
    settings = load_settings()
    result = run(viewer_response_source(settings, private=private), event, log=found.append)
    assert found == logged
    private_control = f"private, max-age={settings.delivery.private_max_age_seconds}"
    assert result["headers"]["cache-control"]["value"] == (private_control if private else kept["cache-control"])
