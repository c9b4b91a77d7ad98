"""Conditional requests and byte ranges of the local edge."""

import httpx
import pytest

from infra.local.cloudfront.exchange import Response
from infra.local.cloudfront.responses import narrow

MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT"
EARLIER = "Wed, 31 Dec 2025 00:00:00 GMT"
LATER = "Fri, 02 Jan 2026 00:00:00 GMT"
BODY = bytes(range(100))


def whole(**headers: str) -> Response:
    base = {"etag": '"abc"', "last-modified": MODIFIED, "content-type": "image/avif", "vary": "Accept"}
    return Response(200, httpx.Headers(base | {name.replace("_", "-"): value for name, value in headers.items()}), BODY)


def asked(**headers: str) -> httpx.Headers:
    return httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("request_headers", "status"),
    [
        ({"if_none_match": '"abc"'}, 304),
        ({"if_none_match": 'W/"abc"'}, 304),
        ({"if_none_match": '"x", "abc"'}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": '"x"'}, 200),
        ({"if_none_match": "abc"}, 200),
        ({"if_modified_since": MODIFIED}, 304),
        ({"if_modified_since": LATER}, 304),
        ({"if_modified_since": EARLIER}, 200),
        ({"if_modified_since": "yesterday"}, 200),
        ({"if_modified_since": "Thu, 01 Jan 99999 00:00:00 GMT"}, 200),
        ({"if_none_match": '"x"', "if_modified_since": LATER}, 200),
        ({}, 200),
    ],
)
def test_conditions(request_headers: dict[str, str], status: int) -> None:
    response = narrow(whole(), asked(**request_headers))
    assert response.status == status
    assert response.headers["vary"] == "Accept"
    if status == 304:
        assert response.body == b""
        assert response.headers["etag"] == '"abc"'
        assert "content-type" not in response.headers


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        ("bytes=0-0", 206, BODY[:1], "bytes 0-0/100"),
        ("bytes=0-99", 206, BODY, "bytes 0-99/100"),
        ("bytes=10-19", 206, BODY[10:20], "bytes 10-19/100"),
        ("bytes=90-", 206, BODY[90:], "bytes 90-99/100"),
        ("bytes=90-5000", 206, BODY[90:], "bytes 90-99/100"),
        ("bytes=-5", 206, BODY[95:], "bytes 95-99/100"),
        ("bytes=-500", 206, BODY, "bytes 0-99/100"),
        ("bytes=100-", 416, b"", "bytes */100"),
        ("bytes=500-600", 416, b"", "bytes */100"),
        ("bytes=-0", 416, b"", "bytes */100"),
        ("bytes=20-10", 200, BODY, None),
        ("bytes=0-1,5-6", 200, BODY, None),
        ("bytes=", 200, BODY, None),
        ("bytes=-", 200, BODY, None),
        ("lines=0-1", 200, BODY, None),
        ("bytes=a-b", 200, BODY, None),
        ("bytes=0-" + "9" * 5000, 200, BODY, None),
    ],
)
def test_ranges(wanted: str, status: int, body: bytes, content_range: str | None) -> None:
    response = narrow(whole(), asked(range=wanted))
    assert (response.status, response.body, response.headers.get("content-range")) == (status, body, content_range)


@pytest.mark.parametrize(
    ("validator", "status"),
    [('"abc"', 206), ('"old"', 200), ('W/"abc"', 200), (MODIFIED, 206), (EARLIER, 200), ("nonsense", 200)],
)
def test_if_range(validator: str, status: int) -> None:
    assert narrow(whole(), asked(range="bytes=0-9", if_range=validator)).status == status


def test_a_condition_that_holds_comes_before_the_range() -> None:
    assert narrow(whole(), asked(range="bytes=0-9", if_none_match='"abc"')).status == 304


@pytest.mark.parametrize("status", [403, 404, 503])
def test_errors_ignore_conditions_and_ranges(status: int) -> None:
    response = Response(status, httpx.Headers({"etag": '"abc"'}), BODY)
    assert narrow(response, asked(range="bytes=0-9", if_none_match='"abc"')) is response


def test_a_response_without_validators_is_never_304() -> None:
    response = Response(200, httpx.Headers(), BODY)
    assert narrow(response, asked(if_none_match='"abc"', if_modified_since=LATER)).status == 200
