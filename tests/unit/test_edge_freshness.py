"""How long the local edge keeps an origin's answer: CloudFront's rules of TTLs, stale windows and errors."""

import httpx
import pytest

from infra.local.cloudfront.cache_policy import NOT_KEPT, Lifetime, cache_control, lifetime
from infra.local.cloudfront.distribution import CachePolicy

POLICY = CachePolicy(min_seconds=0, default_seconds=60, max_seconds=1000)
AT_LEAST = CachePolicy(min_seconds=30, default_seconds=60, max_seconds=1000)
DATE = "Mon, 01 Jan 2026 00:00:00 GMT"


def life(status: int, policy: CachePolicy = POLICY, errors: dict[int, int] | None = None, **headers: str) -> Lifetime:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lifetime(status, httpx.Headers(named, encoding="utf-8"), policy, errors or {})


@pytest.mark.parametrize(
    ("header", "policy", "expected"),
    [
        ("max-age=100", POLICY, Lifetime(100)),
        ("max-age=100, s-maxage=7", POLICY, Lifetime(7)),
        ("public, max-age=5000", POLICY, Lifetime(1000)),
        ("max-age=0", POLICY, Lifetime(0)),
        ("max-age=0", AT_LEAST, Lifetime(30)),
        ("max-age=10", AT_LEAST, Lifetime(30)),
        ("no-store", POLICY, Lifetime(0)),
        ("no-cache", POLICY, Lifetime(0)),
        ("private, max-age=100", POLICY, Lifetime(0)),
        ("no-store", AT_LEAST, Lifetime(30)),
        ("max-age=soon", POLICY, Lifetime(60)),
        ("max-age=-1", POLICY, Lifetime(60)),
        ("max-age=" + "9" * 5000, POLICY, Lifetime(1000)),
        ("max-age=" + "0" * 50 + "7", POLICY, Lifetime(7)),
        ("max-age=٣", POLICY, Lifetime(60)),
        ("public", POLICY, Lifetime(60)),
        ("max-age=100, stale-while-revalidate=20, stale-if-error=300", POLICY, Lifetime(100, 20, 300)),
        ("MAX-AGE=100, Stale-While-Revalidate=20", POLICY, Lifetime(100, 20, 0)),
        ("max-age=900, stale-while-revalidate=500, stale-if-error=50", POLICY, Lifetime(900, 100, 50)),
        ("max-age=1000, stale-while-revalidate=500, stale-if-error=500", POLICY, Lifetime(1000, 0, 0)),
    ],
)
def test_cache_control(header: str, policy: CachePolicy, expected: Lifetime) -> None:
    assert life(200, policy, cache_control=header) == expected


def test_the_default_ttl_applies_without_headers() -> None:
    assert life(200) == Lifetime(60)


@pytest.mark.parametrize(
    ("expires", "expected"),
    [("Mon, 01 Jan 2026 00:01:40 GMT", 100), ("Mon, 01 Jan 2025 00:00:00 GMT", 0), ("0", 60), ("never", 60)],
)
def test_expires(expires: str, expected: int) -> None:
    assert life(200, expires=expires, date=DATE).fresh == expected


@pytest.mark.parametrize(
    ("status", "header", "errors", "expected"),
    [
        (404, "max-age=60", {}, 60),
        (404, "max-age=60", {404: 5}, 60),
        (404, "max-age=1", {404: 5}, 5),
        (404, "", {}, 10),
        (404, "no-store", {404: 0}, 0),
        (404, "max-age=5000", {404: 0}, 1000),
        (503, "", {}, 10),
        (503, "", {503: 0}, 0),
        (503, "no-store", {503: 0}, 0),
        (500, "", {500: 0, 503: 0}, 0),
        (500, "", {503: 0}, 10),
        (403, "", {}, 0),
        (403, "max-age=60", {}, 60),
        (400, "", {}, 0),
        (401, "max-age=60", {}, 0),
        (429, "max-age=60", {}, 0),
        (416, "", {}, 0),
    ],
)
def test_errors(status: int, header: str, errors: dict[int, int], expected: int) -> None:
    headers = {"cache_control": header} if header else {}
    assert life(status, errors=errors, **headers) == Lifetime(expected)
    assert (expected == 0) == (life(status, errors=errors, **headers) == NOT_KEPT)


def test_total_is_the_longer_stale_window() -> None:
    assert Lifetime(100, 20, 300).total == 400
    assert Lifetime(100, 300, 20).total == 400


def test_directives() -> None:
    headers = httpx.Headers({"cache-control": ' Max-Age="60" , public,, no-cache="Set-Cookie"'})
    assert cache_control(headers) == {"max-age": "60", "public": "", "no-cache": "Set-Cookie"}
