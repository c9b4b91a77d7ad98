"""The local edge's cache: its key, what it keeps and drops, and the collapsing of simultaneous requests."""

import asyncio
import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from infra.local.cloudfront.cache import CachedResponse, ResponseCache
from infra.local.cloudfront.cache_policy import Lifetime, cache_key, forwarded_headers, forwarded_query, path_of
from infra.local.cloudfront.distribution import CachePolicy, Chosen
from infra.local.cloudfront.edge import Collapser
from infra.local.cloudfront.exchange import Response, ViewerRequest

PATH_ALONE = CachePolicy(0, 60, 1000)
ALL = Chosen("all")


def request(path: str = "/a/1024x0.avif", query: str = "", **headers: str) -> ViewerRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ViewerRequest("GET", path, query, httpx.Headers(named), "192.0.2.1")


def kept(body: bytes = b"body", lifetime: Lifetime | None = None, at: float = 1000) -> CachedResponse:
    headers = httpx.Headers([("etag", '"1"'), ("x-twice", "a"), ("x-twice", "b")])
    return CachedResponse(Response(200, headers, body), at, 0, lifetime or Lifetime(10_000))


@pytest.mark.parametrize(
    "other",
    [
        request(query="w=800"),
        request(accept="image/avif", cookie="a=b", accept_encoding="gzip", user_agent="x"),
        ViewerRequest("HEAD", "/a/1024x0.avif", "", httpx.Headers(), "198.51.100.9"),
    ],
)
def test_the_path_alone_is_the_key(other: ViewerRequest) -> None:
    assert cache_key(PATH_ALONE, request()) == cache_key(PATH_ALONE, other)


def test_another_path_is_another_key() -> None:
    assert cache_key(PATH_ALONE, request()) != cache_key(PATH_ALONE, request("/a/1024x0.webp"))


@pytest.mark.parametrize(
    ("policy", "first", "second", "same"),
    [
        (CachePolicy(0, 0, 9, query=ALL), request(query="a=1&b=2"), request(query="b=2&a=1"), True),
        (CachePolicy(0, 0, 9, query=ALL), request(query="a=1"), request(query="a=2"), False),
        (CachePolicy(0, 0, 9, query=Chosen("whitelist", ("a",))), request(query="a=1&b=2"), request(query="a=1"), True),
        (CachePolicy(0, 0, 9, query=Chosen("allExcept", ("a",))), request(query="a=1"), request(query="a=2"), True),
        (CachePolicy(0, 0, 9, query=Chosen("allExcept", ("a",))), request(query="b=1"), request(query="b=2"), False),
        (
            CachePolicy(0, 0, 9, headers=Chosen("whitelist", ("accept",))),
            request(accept="x"),
            request(accept="y"),
            False,
        ),
        (CachePolicy(0, 0, 9, headers=Chosen("whitelist", ("accept",))), request(dpr="1"), request(dpr="2"), True),
        (
            CachePolicy(0, 0, 9, cookies=Chosen("whitelist", ("s*",))),
            request(cookie="sid=1"),
            request(cookie="sid=2"),
            False,
        ),
        (
            CachePolicy(0, 0, 9, cookies=Chosen("whitelist", ("s*",))),
            request(cookie="x=1"),
            request(cookie="x=2"),
            True,
        ),
        (
            CachePolicy(0, 0, 9, encodings=("br",)),
            request(accept_encoding="gzip, br"),
            request(accept_encoding="br"),
            True,
        ),
        (
            CachePolicy(0, 0, 9, encodings=("br",)),
            request(accept_encoding="gzip"),
            request(accept_encoding="br"),
            False,
        ),
    ],
)
def test_the_key_includes_what_the_policy_says(
    policy: CachePolicy, first: ViewerRequest, second: ViewerRequest, same: bool
) -> None:
    assert (cache_key(policy, first) == cache_key(policy, second)) is same
    assert path_of(cache_key(policy, first)) == first.path


def test_only_parameters_of_the_key_are_forwarded() -> None:
    assert forwarded_query(PATH_ALONE, request(query="w=1&token=x")) == ""
    assert forwarded_query(CachePolicy(0, 0, 9, query=Chosen("whitelist", ("w",))), request(query="w=1&t=x")) == "w=1"


def test_only_headers_of_the_key_are_forwarded() -> None:
    policy = CachePolicy(0, 0, 9, headers=Chosen("whitelist", ("origin",)))
    assert forwarded_headers(policy, request(origin="https://a.test", cookie="s=1")) == {"origin": "https://a.test"}
    assert forwarded_headers(PATH_ALONE, request(origin="https://a.test")) == {}


def test_a_kept_response_is_unchanged_after_a_restart(tmp_path: Path) -> None:
    first = ResponseCache(tmp_path)
    first.keep("/a\n", kept(b"\x00picture"))
    first.close()
    second = ResponseCache(tmp_path)
    found = second.find("/a\n")
    assert found is not None
    assert found.response.body == b"\x00picture"
    assert found.response.headers.get_list("x-twice") == ["a", "b"]
    assert found.lifetime == Lifetime(10_000)
    second.close()


def test_unknown_keys_are_not_found(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path)
    assert cache.find("/a\n") is None
    cache.keep("/a\n", kept())
    cache.forget("/a\n")
    assert cache.find("/a\n") is None
    cache.close()


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (["/*"], []),
        (["/a/*"], ["/b/1024x0.avif"]),
        (["/a/1024x0.avif"], ["/a/256x0.webp", "/b/1024x0.avif"]),
        (["/b/*", "/a/256x0.webp"], ["/a/1024x0.avif"]),
        (["/c/*"], ["/a/1024x0.avif", "/a/256x0.webp", "/b/1024x0.avif"]),
        ([], ["/a/1024x0.avif", "/a/256x0.webp", "/b/1024x0.avif"]),
    ],
)
def test_invalidation_by_path(tmp_path: Path, patterns: list[str], left: list[str]) -> None:
    paths = ["/a/1024x0.avif", "/a/256x0.webp", "/b/1024x0.avif"]
    cache = ResponseCache(tmp_path)
    for path in paths:
        cache.keep(cache_key(PATH_ALONE, request(path)), kept())
    assert cache.invalidate(patterns) == len(paths) - len(left)
    assert [path for path in paths if cache.find(cache_key(PATH_ALONE, request(path)))] == left
    cache.close()


def test_the_cache_is_bounded_and_drops_the_least_recently_used(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path, size_bytes=2_000_000)
    for number in range(200):
        cache.keep(f"/{number}\n", kept(bytes(50_000)))
        assert cache.find("/0\n"), "the one in use was dropped"
    assert len(cache) < 60
    assert cache.find("/1\n") is None
    cache.close()


def test_hits_in_memory_count_as_use_on_disk(tmp_path: Path) -> None:
    first = ResponseCache(tmp_path, size_bytes=16_000_000)
    for number in range(15):
        first.keep(f"/{number}\n", kept(bytes(50_000)))
    assert "/0\n" in first._memory
    first.find("/0\n")
    first.close()
    second = ResponseCache(tmp_path, size_bytes=16_000_000)
    number = 15
    while second._disk.read("/1\n"):
        second.keep(f"/{(number := number + 1)}\n", kept(bytes(50_000)))
    assert second._disk.read("/0\n")
    second.close()


def test_expired_responses_are_dropped_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, now = ResponseCache(tmp_path, size_bytes=220_000), time.time()
    for number, seconds in enumerate([1000, 100, 1000]):
        cache.keep(f"/{number}\n", kept(bytes(50_000), Lifetime(seconds)))
    monkeypatch.setattr(time, "time", lambda: now + 101)
    for number in (3, 4):
        cache.keep(f"/{number}\n", kept(bytes(50_000)))
    assert cache._disk.keys() == {"/0\n", "/2\n", "/3\n", "/4\n"}
    cache.close()


def test_threads_and_connections_share_the_cache(tmp_path: Path) -> None:
    first, second = ResponseCache(tmp_path, size_bytes=1_000_000), ResponseCache(tmp_path, size_bytes=1_000_000)

    def work(number: int) -> None:
        cache = (first, second)[number % 2]
        for turn in range(20):
            cache.keep(f"/{number}/{turn}\n", kept(bytes(20_000)))
            cache.find(f"/{number}/{turn - 1}\n")
            cache.invalidate([f"/{number}/{turn - 2}"])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(8)))
    assert 0 < len(first) == len(second) <= 50
    assert first._disk._excess() <= 0
    first.close()
    second.close()


def test_headers_are_kept_byte_for_byte(tmp_path: Path) -> None:
    raw = [(b"ETag", b'"1"'), (b"x-name", "Zürich".encode()), (b"x-latin", "Zürich".encode("latin-1"))]
    cache = ResponseCache(tmp_path)
    cache.keep("/a\n", dataclasses.replace(kept(), response=Response(200, httpx.Headers(raw), b"")))
    cache.close()
    again = ResponseCache(tmp_path)
    assert (found := again.find("/a\n")) is not None
    assert found.response.headers.raw == raw
    again.close()


def test_memory_and_disk_expire_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, now = ResponseCache(tmp_path), time.time()
    cache.keep("/a\n", kept(lifetime=Lifetime(100, 20, 300)))
    assert cache.find("/a\n")
    monkeypatch.setattr(time, "time", lambda: now + 399)
    assert cache.find("/a\n")
    monkeypatch.setattr(time, "time", lambda: now + 401)
    assert cache.find("/a\n") is None
    cache.close()


def test_memory_is_bounded_and_skips_larger_responses(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path, size_bytes=16_000_000)
    for number in range(30):
        cache.keep(f"/{number}\n", kept(bytes(100_000)))
    cache.keep("/large\n", kept(bytes(1_100_000)))
    assert cache._memory.currsize <= 1_000_000
    assert "/large\n" not in cache._memory
    assert (found := cache.find("/large\n")) is not None
    assert len(found.response.body) == 1_100_000
    cache.keep("/29\n", kept(b"newer"))
    assert (found := cache.find("/29\n")) is not None
    assert found.response.body == b"newer"
    cache.close()


def test_invalidation_includes_responses_in_memory_alone(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path)
    cache.keep("/a\n", kept())
    assert cache._disk.delete("/a\n")
    assert cache.find("/a\n")
    assert cache.invalidate(["/a"]) == 1
    assert cache.find("/a\n") is None
    cache.close()


@pytest.mark.parametrize(
    ("seconds", "fresh", "while_revalidated", "on_error"),
    [
        (0, True, True, True),
        (99, True, True, True),
        (100, False, True, True),
        (121, False, False, True),
        (401, False, False, False),
    ],
)
def test_ages(seconds: float, fresh: bool, while_revalidated: bool, on_error: bool) -> None:
    response = kept(lifetime=Lifetime(100, 20, 300), at=1000)
    now = 1000 + seconds
    assert response.age_at(now) == seconds
    assert response.is_fresh(now) is fresh
    assert response.is_served_while_revalidated(now) is while_revalidated
    assert response.is_served_on_error(now) is on_error


def test_simultaneous_requests_are_collapsed() -> None:
    async def run() -> tuple[int, list[int]]:
        collapser: Collapser[int] = Collapser()
        calls = 0
        gate = asyncio.Event()

        async def fetch() -> int:
            nonlocal calls
            calls += 1
            await gate.wait()
            return calls

        waiting = [asyncio.create_task(collapser.run("key", fetch)) for _ in range(100)]
        other = asyncio.create_task(collapser.run("other", fetch))
        while not collapser.is_running("other"):
            await asyncio.sleep(0)
        waiting[0].cancel()
        gate.set()
        outcomes = await asyncio.gather(*waiting[1:])
        await other
        assert not collapser.is_running("key")
        return calls, outcomes

    calls, outcomes = asyncio.run(run())
    assert calls == 2, "expected one fetch a key"
    assert len(set(outcomes)) == 1


def test_a_failed_fetch_fails_all_waiters_and_is_retried_by_the_next() -> None:
    async def run() -> None:
        collapser: Collapser[int] = Collapser()

        async def fail() -> int:
            await asyncio.sleep(0)
            raise RuntimeError("origin")

        outcomes = await asyncio.gather(*(collapser.run("key", fail) for _ in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [RuntimeError] * 3

        async def succeed() -> int:
            return 1

        assert await collapser.run("key", succeed) == 1

    asyncio.run(run())


def test_invalidation_by_tag_and_by_time(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path, tag_header="x-tags")
    for path, tags in {"/a": "one, Two", "/b": "two", "/c": ""}.items():
        response = dataclasses.replace(kept().response, headers=httpx.Headers({"x-tags": tags}))
        cache.keep(cache_key(PATH_ALONE, request(path)), dataclasses.replace(kept(), response=response))
    kept_at = kept().kept_at
    assert cache.invalidate(["#two"], kept_before=kept_at) == 0
    assert cache.invalidate(["#tw"]) == 0
    assert cache.invalidate(["#two"], kept_before=kept_at + 1) == 2
    assert len(cache) == 1
    cache.close()
