"""The delivery benchmark's own parts: the same trace for the same seed, and a replay that counts right."""

from collections import Counter
from pathlib import Path

import pytest

from infra.command.traffic.trace import CLIENTS, trace
from lambdas.core.settings import load_settings
from tests.bench.delivery.benchmark import save_chart
from tests.bench.delivery.function import event, run_function
from tests.bench.delivery.replay import Replayed, _Keyed, _simulate

pytestmark = pytest.mark.extra


def test_a_trace_is_the_same_for_the_same_seed() -> None:
    assert list(trace(3, 500)) == list(trace(3, 500))
    assert list(trace(3, 500)) != list(trace(4, 500))


def test_a_trace_is_of_popular_and_rare_pictures_and_many_browsers() -> None:
    requests = list(trace(1, 20_000))
    popular = Counter(request.image for request in requests).most_common()
    assert popular[0][0] < 3
    assert 0.08 < popular[0][1] / len(requests) < 0.14
    assert len(popular) > 3_000
    assert {request.accept for request in requests} == {client.accept for client in CLIENTS}
    assert abs(sum(client.share for client in CLIENTS) - 1) < 1e-9
    junk = sum("utm" in request.query or "fbclid" in request.query for request in requests)
    assert junk > 1_000


def test_a_replay_counts_hits_objects_and_bytes() -> None:
    traces = [[_Keyed(key, 10) for key in keys] for keys in ("aab", "abbc")]
    assert _simulate("x", traces) == Replayed("x", 1 / 3, 3 / 4, 3, 30)


def test_the_function_is_run_and_timed(tmp_path: Path) -> None:
    image = "0" * 32
    asked = event(f"/img/{image}", "w=800", [("accept", "image/webp")])
    lines = [{"event": asked}, {"event": event("/", "", [])}, {"kind": "plain", "event": asked, "times": 5}]
    path, status, timed = run_function(load_settings(), lines, tmp_path)
    assert (path, status, timed["kind"]) == (f"/{image}/1024x0.webp", 404, "plain")
    assert timed["microseconds"] > 0


def test_the_chart_is_drawn(tmp_path: Path) -> None:
    save_chart([Replayed("Ours", 0.8, 0.95, 10, 100), Replayed("Raw", 0.3, 0.4, 90, 900)], "Hits", tmp_path / "c.svg")
    assert "95.0 %" in (tmp_path / "c.svg").read_text(encoding="utf-8")
