"""Simulated visitors: reproducible by seed, with busy and quiet hours, stamped for the edge's log."""

import asyncio
import random
import socket
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from infra.command.traffic.replay import EdgeUnreachableError, Outcome, hit_ratio, replay
from infra.command.traffic.visits import NoTimeError, Visit, moments, visits
from infra.local.cloudfront.stamp import HEADER, Stamp, StampError
from lambdas.core.keys import ImageId

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
IMAGES = [ImageId(f"{number:032x}") for number in range(50)]
GONE = [ImageId("f" * 32)]


def visited(seed: int = 1, requests: int = 5000, last_day: date = date(2026, 11, 22), days: int = 1) -> list[Visit]:
    return list(visits(seed, requests, IMAGES, last_day=last_day, days=days, now=NOW, gone=GONE))


def test_visits_are_the_same_for_the_same_seed() -> None:
    assert visited() == visited()
    assert visited() != visited(seed=2)


def test_a_day_has_busy_and_quiet_hours() -> None:
    seen = visited()
    assert [visit.moment for visit in seen] == sorted(visit.moment for visit in seen)
    assert {visit.moment.date() for visit in seen} == {date(2026, 11, 22)}
    hours = Counter(visit.moment.hour for visit in seen)
    assert len(hours) == 24
    assert hours[20] > 5 * hours[4]


def test_several_days_end_with_the_last_and_never_in_the_future() -> None:
    seen = visited(last_day=NOW.date(), days=3)
    assert {visit.moment.date() for visit in seen} == {NOW.date() - timedelta(days=back) for back in range(3)}
    assert max(visit.moment for visit in seen) <= NOW


def test_future_days_are_rejected() -> None:
    with pytest.raises(NoTimeError, match="expected days up to today, 2026-11-23 \\(UTC\\), but received 2026-11-25"):
        list(moments(random.Random(1), 5, date(2026, 11, 25), 1, NOW))


def test_few_pictures_are_popular_and_some_links_are_dead() -> None:
    seen = visited()
    asked = Counter(visit.path for visit in seen)
    shares = sorted((count / len(seen) for count in asked.values()), reverse=True)
    assert 0.15 < shares[0] < 0.3  # one in the sum of 1/1 to 1/50
    assert shares[0] > 8 * shares[20]
    kinds = Counter(visit.kind for visit in seen)
    assert kinds["page"] > 0.9 * len(seen)
    assert min(kinds[kind] for kind in ("hotlink", "dead link", "malformed")) > 0
    assert f"/img/{GONE[0]}" in asked
    assert asked.keys() >= {f"/img/{image}" for image in IMAGES}


def test_bots_send_no_referer() -> None:
    for visit in visited():
        headers = dict(visit.headers)
        assert headers["user-agent"]
        if "bot" in headers["user-agent"] or "python" in headers["user-agent"]:
            assert "referer" not in headers
            assert visit.address.startswith("203.0.113.")
        if visit.kind == "hotlink" and "referer" in headers:
            assert "www.example.com" not in headers["referer"]


def test_stamps_round_trip() -> None:
    stamp = Stamp(datetime(2026, 11, 22, 20, 15, 3, 250_000, tzinfo=UTC), "198.51.100.7")
    assert Stamp.read(httpx.Headers({HEADER: str(stamp)}), NOW.timestamp()) == stamp
    assert Stamp.read(httpx.Headers(), NOW.timestamp()) is None


@pytest.mark.parametrize("text", ["", "soon 198.51.100.7", "1e99 198.51.100.7", "-5 a", "1700000000", "nan a", "1 ä"])
def test_malformed_stamps_are_rejected(text: str) -> None:
    with pytest.raises(StampError, match="expected seconds since the epoch, up to now, and an address"):
        Stamp.read(httpx.Headers({HEADER: text.encode()}), NOW.timestamp())


def test_the_hit_ratio_counts_only_hits_and_misses() -> None:
    (visit,) = visited(requests=1)
    results = ("Hit", "RefreshHit", "Miss", "Error", "FunctionGeneratedResponse")
    assert hit_ratio(Outcome(visit, 200, result, "image/avif", 1, 0.1) for result in results) == 2 / 3
    assert hit_ratio([]) is None


def test_an_unreachable_edge_is_an_error_with_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    outcomes: list[Outcome] = []
    with pytest.raises(EdgeUnreachableError, match=f"the edge at {url} does not answer: ConnectError"):
        asyncio.run(replay(visited(requests=5), url, concurrency=2, token=None, report=outcomes.append))
    assert outcomes == []
