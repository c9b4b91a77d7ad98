"""The viewer-request function, as deployed: a table of requests, the same in Node and in njs, and properties."""

import json
from pathlib import Path
from typing import Any

import pytest
from edge_function_runs import event_for, executables, outcome, run_batch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.core.keys import Variant, is_private, parse_image_id
from lambdas.core.settings import Settings, load_settings, parse_settings
from lambdas.edge.inline import MAX_SOURCE_BYTES, FunctionSizeError, edge_settings, viewer_request_source

IMAGE_ID = "0123456789abcdef0123456789abcdef"
IMG = f"/img/{IMAGE_ID}"

CHROMIUM = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
FIREFOX = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
SAFARI_16 = "image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
SAFARI_14 = "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"
SAFARI_13 = "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"
CURL = "*/*"

Row = tuple[str, dict[str, str], str | int]


def asked(query: str, expected: str | int, **headers: str) -> Row:
    url = IMG + ("?" + query if query else "")
    return url, {name.replace("_", "-"): value for name, value in headers.items()}, expected


WIDTHS: list[Row] = [
    asked("", "1024x0.jpeg"),
    asked("w=1", "64x0.jpeg"),
    asked("w=64", "64x0.jpeg"),
    asked("w=65", "128x0.jpeg"),
    asked("w=255", "256x0.jpeg"),
    asked("w=256", "256x0.jpeg"),
    asked("w=257", "512x0.jpeg"),
    asked("w=512", "512x0.jpeg"),
    asked("w=513", "1024x0.jpeg"),
    asked("w=800", "1024x0.jpeg"),
    asked("w=1024", "1024x0.jpeg"),
    asked("w=1025", "1600x0.jpeg"),
    asked("w=1600", "1600x0.jpeg"),
    asked("w=1601", "2560x0.jpeg"),
    asked("w=99999", "2560x0.jpeg"),
    asked("w=%38%30%30", "1024x0.jpeg"),
    asked("w=0", 400),
    asked("w=", 400),
    asked("w", 400),
    asked("w=-1", 400),
    asked("w=+1", 400),
    asked("w=080", 400),
    asked("w=100000", 400),
    asked("w=800.5", 400),
    asked("w=1e3", 400),
    asked("w=0x100", 400),
    asked("w=800px", 400),
    asked("w=%20800", 400),
    asked("w=800%0A", 400),
    asked("w=auto", 400),
    asked("w=NaN", 400),
    asked("w=Infinity", 400),
    asked("w=%zz", 400),
    asked("w=%", 400),
    asked("w=%E0%A4%A", 400),
    asked("w=%D9%A1", 400),
    asked("w=800&w=800", 400),
    asked("w=1&w=2&w=3", 400),
    asked("W=800", "1024x0.jpeg"),
    asked("width=256", "1024x0.jpeg"),
]

DENSITIES: list[Row] = [
    asked("w=400&dpr=1", "512x0.jpeg"),
    asked("w=400&dpr=2", "1024x0.jpeg"),
    asked("w=800&dpr=2", "1600x0.jpeg"),
    asked("w=256&dpr=1.0", "256x0.jpeg"),
    asked("w=256&dpr=1.001", "512x0.jpeg"),
    asked("w=256&dpr=0.5", "128x0.jpeg"),
    asked("w=1024&dpr=0.25", "256x0.jpeg"),
    asked("w=390&dpr=2.625", "1024x0.jpeg"),
    asked("w=300&dpr=1.3333333730697632", "512x0.jpeg"),
    asked("w=512&dpr=10", "2560x0.jpeg"),
    asked("dpr=2", "1024x0.jpeg"),
    asked("w=400&dpr=0", 400),
    asked("w=400&dpr=0.0", 400),
    asked("w=400&dpr=10.1", 400),
    asked("w=400&dpr=11", 400),
    asked("w=400&dpr=-1", 400),
    asked("w=400&dpr=.5", 400),
    asked("w=400&dpr=2.", 400),
    asked("w=400&dpr=2x", 400),
    asked("w=400&dpr=2%0A", 400),
    asked("w=400&dpr=two", 400),
    asked("w=400&dpr=1e1", 400),
    asked("w=400&dpr=", 400),
    asked("w=400&dpr=1&dpr=2", 400),
    asked("dpr=0", 400),
]

CROPS: list[Row] = [
    asked("ar=1:1", "1024x1024.jpeg"),
    asked("ar=1%3A1", "1024x1024.jpeg"),
    asked("ar=4:3", "1024x768.jpeg"),
    asked("ar=3:2", "1024x683.jpeg"),
    asked("ar=16:9", "1024x576.jpeg"),
    asked("ar=4:5", "1024x1280.jpeg"),
    asked("ar=9:16", "1024x1820.jpeg"),
    asked("w=2560&ar=9:16", "2560x4551.jpeg"),
    asked("w=64&ar=3:2", "64x43.jpeg"),
    asked("w=256&ar=3:2", "256x171.jpeg"),
    asked("w=512&ar=3:2", "512x341.jpeg"),
    asked("w=1600&ar=3:2", "1600x1067.jpeg"),
    asked("w=800&dpr=2&ar=1:1&fmt=auto", "1600x1600.avif", accept=CHROMIUM),
    asked("ar=2:1", 400),
    asked("ar=2:2", 400),
    asked("ar=16:09", 400),
    asked("ar=1", 400),
    asked("ar=", 400),
    asked("ar=1:1:1", 400),
    asked("ar=1:1%0A", 400),
    asked("ar=constructor", 400),
    asked("ar=__proto__", 400),
    asked("ar=1:1&ar=4:3", 400),
]

FORMATS: list[Row] = [
    asked("fmt=auto", "1024x0.jpeg"),
    asked("fmt=avif", "1024x0.avif"),
    asked("fmt=webp", "1024x0.webp"),
    asked("fmt=jpeg", "1024x0.jpeg"),
    asked("fmt=jpeg", "1024x0.jpeg", accept=CHROMIUM),
    asked("fmt=avif", "1024x0.avif", accept=SAFARI_13),
    asked("fmt=webp", "1024x0.webp", accept="image/webp;q=0"),
    asked("fmt=auto", "1024x0.webp", accept=SAFARI_14),
    asked("fmt=jpg", 400),
    asked("fmt=avif%0A", 400),
    asked("fmt=AVIF", 400),
    asked("fmt=png", "1024x0.png"),
    asked("fmt=png", "1024x0.png", accept=CHROMIUM),
    asked("fmt=gif", 400),
    asked("fmt=", 400),
    asked("fmt=avif&fmt=webp", 400),
    asked("fmt=avif.exe", 400),
    asked("fmt=..%2F..", 400),
]

ACCEPTS: list[Row] = [
    asked("", "1024x0.avif", accept=CHROMIUM),
    asked("", "1024x0.avif", accept=FIREFOX),
    asked("", "1024x0.avif", accept=SAFARI_16),
    asked("", "1024x0.webp", accept=SAFARI_14),
    asked("", "1024x0.jpeg", accept=SAFARI_13),
    asked("", "1024x0.jpeg", accept=CURL),
    asked("", "1024x0.jpeg", accept=""),
    asked("", "1024x0.jpeg", accept="image/*"),
    asked("", "1024x0.jpeg", accept="image/*,*/*;q=0.8"),
    asked("", "1024x0.jpeg", accept="text/html,application/xhtml+xml"),
    asked("", "1024x0.avif", accept="image/avif"),
    asked("", "1024x0.avif", accept="IMAGE/AVIF"),
    asked("", "1024x0.avif", accept="  image/avif  "),
    asked("", "1024x0.avif", accept="image/avif;q=0.001"),
    asked("", "1024x0.avif", accept="image/avif;q=1.000"),
    asked("", "1024x0.avif", accept="image/avif ; q=0.5, image/webp"),
    asked("", "1024x0.avif", accept="image/avif;Q=0.5"),
    asked("", "1024x0.avif", accept="image/avif;v=1;q=0.5"),
    asked("", "1024x0.avif", accept="image/webp,image/avif;q=0.1"),
    asked("", "1024x0.webp", accept="image/avif;q=0,image/webp"),
    asked("", "1024x0.webp", accept="image/avif;q=0.0,image/webp;q=0.1"),
    asked("", "1024x0.webp", accept="image/avif;q=0.000,image/webp"),
    asked("", "1024x0.webp", accept="image/avif; Q=0, image/webp"),
    asked("", "1024x0.webp", accept="image/avif;level=2;q=0,image/webp"),
    asked("", "1024x0.jpeg", accept="image/avif;q=0,image/webp;q=0"),
    asked("", "1024x0.jpeg", accept="image/avif;q=0,image/webp;q=0,*/*"),
    asked("", "1024x0.jpeg", accept="image/avif;q=none"),
    asked("", "1024x0.jpeg", accept="image/avif;q=1.5"),
    asked("", "1024x0.jpeg", accept="image/avif;q=-1"),
    asked("", "1024x0.jpeg", accept="image/avif;q="),
    asked("", "1024x0.jpeg", accept="image/avif;q"),
    asked("", "1024x0.jpeg", accept="image/avif;q=0.5555"),
    asked("", "1024x0.jpeg", accept="image/avif,image/avif;q=0"),
    asked("", "1024x0.jpeg", accept="image/avif-sequence"),
    asked("", "1024x0.jpeg", accept="ximage/avif"),
    asked("", "1024x0.jpeg", accept="image/avifx,image/webpx"),
    asked("", "1024x0.jpeg", accept="image avif"),
    asked("", "1024x0.jpeg", accept=",;,;q=,,,="),
    asked("", "1024x0.webp", accept='image/webp;x="a=b;c",*/*'),
]

HINTS: list[Row] = [
    asked("", "256x0.jpeg", sec_ch_width="200"),
    asked("", "256x0.jpeg", width="200"),
    asked("", "512x0.jpeg", sec_ch_width="500", width="1500"),
    asked("", "1600x0.jpeg", sec_ch_width="broken", width="1500"),
    asked("", "512x0.jpeg", sec_ch_width="500", sec_ch_dpr="2"),
    asked("", "1024x0.jpeg", sec_ch_dpr="2"),
    asked("", "1024x0.jpeg", sec_ch_width="0"),
    asked("", "1024x0.jpeg", sec_ch_width="-5"),
    asked("", "1024x0.jpeg", sec_ch_width="12.5"),
    asked("", "1024x0.jpeg", sec_ch_width="9999999"),
    asked("", "1024x0.jpeg", width="200, 300"),
    asked("w=400", "1024x0.jpeg", sec_ch_dpr="2"),
    asked("w=400", "1024x0.jpeg", sec_ch_dpr="2.0"),
    asked("w=400", "1024x0.jpeg", dpr="2"),
    asked("w=400", "512x0.jpeg", sec_ch_dpr="1", dpr="2"),
    asked("w=400", "1024x0.jpeg", sec_ch_dpr="x", dpr="2"),
    asked("w=400", "512x0.jpeg", sec_ch_dpr="0"),
    asked("w=400", "512x0.jpeg", sec_ch_dpr="-2"),
    asked("w=400", "512x0.jpeg", sec_ch_dpr="99"),
    asked("w=400", "512x0.jpeg", dpr="NaN"),
    asked("w=400&dpr=1", "512x0.jpeg", sec_ch_dpr="3"),
    asked("w=300", "512x0.jpeg", sec_ch_width="1500"),
    asked("", "512x0.jpeg", save_data="on"),
    asked("", "512x0.jpeg", save_data="ON"),
    asked("", "512x0.jpeg", save_data=" on "),
    asked("", "1024x0.jpeg", save_data="off"),
    asked("", "1024x0.jpeg", save_data="1"),
    asked("", "1024x0.jpeg", save_data=""),
    asked("w=1", "64x0.jpeg", save_data="on"),
    asked("w=300", "256x0.jpeg", save_data="on"),
    asked("w=9000", "1600x0.jpeg", save_data="on"),
    asked("w=800&dpr=2&ar=16:9", "1024x576.avif", save_data="on", accept=CHROMIUM),
    asked("w=1600&ar=3:2", "1024x683.jpeg", save_data="on"),
]

DROPPED: list[Row] = [
    asked("utm_source=x&w=256&gclid=1", "256x0.jpeg"),
    asked("__proto__=1&constructor=2&hasOwnProperty=3", "1024x0.jpeg"),
    asked("toString=1&w=256", "256x0.jpeg"),
    asked("token=abc", "1024x0.jpeg"),
    asked("&&&", "1024x0.jpeg"),
    asked("=", "1024x0.jpeg"),
    asked("?w=256", "1024x0.jpeg"),
    asked("w=256&%zz=1", "256x0.jpeg"),
    asked("w=256;dpr=2", 400),
]

PATHS: list[Row] = [
    (f"/img/p-{IMAGE_ID}", {}, 401),
    (f"/img/p-{IMAGE_ID}?w=broken", {}, 401),
    (f"/img/p-{IMAGE_ID}?token=anything", {}, 401),
    (f"/img/p-{IMAGE_ID}", {"authorization": "Bearer anything"}, 401),
    (f"/img/P-{IMAGE_ID}", {}, 400),
    (f"/img/p-{IMAGE_ID[1:]}", {}, 400),
    (f"/img/p-p-{IMAGE_ID}", {}, 400),
    (f"/img/{IMAGE_ID[1:]}", {}, 400),
    (f"/img/{IMAGE_ID}0", {}, 400),
    (f"/img/{IMAGE_ID.upper()}", {}, 400),
    (f"/img/{IMAGE_ID[:-1]}g", {}, 400),
    (f"/img/%30{IMAGE_ID[1:]}", {}, 400),
    (f"/img/{IMAGE_ID}%00", {}, 400),
    (f"/img/{IMAGE_ID}\n", {}, 400),
    (f"/img/{IMAGE_ID}.avif", {}, 400),
    ("/img/", {}, 400),
    ("/img/..", {}, 400),
    ("/img/%2e%2e%2f", {}, 400),
    ("/img/__proto__", {}, 400),
    (f"/img/{IMAGE_ID}/", {}, 404),
    (f"/img/{IMAGE_ID}/1024x0.avif", {}, 404),
    (f"/img//{IMAGE_ID}", {}, 404),
    (f"//img/{IMAGE_ID}", {}, 404),
    (f"/IMG/{IMAGE_ID}", {}, 404),
    (f"/{IMAGE_ID}/1024x0.avif", {}, 404),
    (f"/{IMAGE_ID}", {}, 404),
    (f"/p-{IMAGE_ID}/1024x0.avif", {}, 404),
    (f"/x/../img/{IMAGE_ID}", {}, 404),
    ("/img", {}, 404),
    ("/", {}, 404),
    ("/favicon.ico", {}, 404),
    ("/robots.txt", {}, 404),
    ("/demo/2026-01-01/" + IMAGE_ID, {}, 404),
    ("/" + "a" * 4000, {}, 404),
]

TABLE = WIDTHS + DENSITIES + CROPS + FORMATS + ACCEPTS + HINTS + DROPPED + PATHS
RUNTIMES = executables()
RUNTIME = pytest.mark.parametrize(
    "runtime",
    [
        pytest.param(name, marks=() if path else pytest.mark.skip(reason=f"{name} is not installed"))
        for name, path in RUNTIMES.items()
    ],
)


@pytest.fixture(scope="module")
def chosen() -> Settings:
    return load_settings()


@pytest.fixture(scope="module")
def source(chosen: Settings) -> str:
    return viewer_request_source(chosen)


@pytest.fixture(scope="module")
def results(source: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What every runtime of this machine returns for every row of the table."""
    events = [event_for(url, headers) for url, headers, _ in TABLE]
    folder = tmp_path_factory.mktemp("viewer_request")
    return {name: run_batch(path, source, events, folder) for name, path in RUNTIMES.items() if path}


@RUNTIME
@pytest.mark.parametrize("number", range(len(TABLE)), ids=[f"{url[:60]} {json.dumps(h)}" for url, h, _ in TABLE])
def test_request(results: dict[str, list[dict[str, Any]]], runtime: str, number: int) -> None:
    expected = TABLE[number][2]
    result = results[runtime][number]
    assert "thrown" not in result
    assert outcome(result) == (expected if isinstance(expected, int) else f"/{IMAGE_ID}/{expected}")


@RUNTIME
def test_the_query_string_is_removed(results: dict[str, list[dict[str, Any]]], runtime: str) -> None:
    rewritten = [result for result in results[runtime] if "uri" in result]
    assert rewritten
    assert all(result["querystring"] == {} for result in rewritten)


@RUNTIME
def test_refusals_explain_themselves_and_are_cached_briefly(
    results: dict[str, list[dict[str, Any]]], runtime: str, chosen: Settings
) -> None:
    refusals = [
        (url, result) for (url, _, _), result in zip(TABLE, results[runtime], strict=True) if "statusCode" in result
    ]
    assert {result["statusCode"] for _, result in refusals} == {400, 401, 404}
    for url, result in refusals:
        headers = {name: entry["value"] for name, entry in result["headers"].items()}
        brief = f"public, max-age={chosen.delivery.not_found_seconds}"
        assert headers["cache-control"] == ("no-store" if "/p-" in url else brief)
        assert headers["content-type"] == "text/plain; charset=utf-8"
        assert headers["x-content-type-options"] == "nosniff"
        assert ("www-authenticate" in headers) == (result["statusCode"] == 401)
        assert result["body"]["encoding"] == "text"
        assert "expected" in result["body"]["data"]
        assert "received" in result["body"]["data"]
        assert len(result["body"]["data"]) < 300


def test_repeated_headers_are_joined(source: str, tmp_path: Path) -> None:
    twice = event_for(IMG, [("accept", "text/html"), ("accept", "image/webp"), ("save-data", "on")])
    for path in filter(None, RUNTIMES.values()):
        assert outcome(run_batch(path, source, [twice], tmp_path)[0]) == f"/{IMAGE_ID}/512x0.webp"


def test_rungs_and_heights_follow_the_settings(source: str, chosen: Settings, tmp_path: Path) -> None:
    ladder = chosen.ladder
    ratios = [None, *ladder.aspect_ratios]
    wanted = [
        (w, dpr, ratios[(w + index) % len(ratios)])
        for w in range(1, 1700, 7)
        for index, dpr in enumerate(("1", "1.5", "2.625"))
    ]
    events = [event_for(f"{IMG}?w={w}&dpr={dpr}" + (f"&ar={ratio}" if ratio else "")) for w, dpr, ratio in wanted]
    for path in filter(None, RUNTIMES.values()):
        for (w, dpr, ratio), result in zip(wanted, run_batch(path, source, events, tmp_path), strict=True):
            rung = ladder.snap(w * float(dpr))
            height = ladder.height(rung, ratio) if ratio else 0
            assert outcome(result) == f"/{IMAGE_ID}/{rung}x{height}.jpeg"


def test_the_function_follows_other_settings(tmp_path: Path) -> None:
    ladder = "ladder = { widths = [100, 200], default_width = 200 }\nrendering.eager_widths = [100]"
    other = parse_settings(f"{ladder}\n[stage.dev]", "dev")
    assert other.ladder.widths == (100, 200)
    events = [event_for(IMG), event_for(f"{IMG}?w=50&ar=16:9")]
    results = run_batch(str(RUNTIMES["node"]), viewer_request_source(other), events, tmp_path)
    assert [outcome(result) for result in results] == [f"/{IMAGE_ID}/200x0.jpeg", f"/{IMAGE_ID}/100x56.jpeg"]


def test_deployed_source_is_small_and_has_no_comments(source: str) -> None:
    assert len(source.encode()) < MAX_SOURCE_BYTES
    assert "EDGE_SETTINGS" not in source
    assert not [line for line in source.splitlines() if not line.strip() or line.strip().startswith("//")]


def test_a_source_over_the_quota_is_an_error(monkeypatch: pytest.MonkeyPatch, chosen: Settings) -> None:
    monkeypatch.setattr("lambdas.edge.inline.MAX_SOURCE_BYTES", 1000)
    with pytest.raises(FunctionSizeError, match="expected at most 1000 bytes"):
        viewer_request_source(chosen)


def test_settings_of_the_function_are_plain_json(chosen: Settings) -> None:
    inlined = edge_settings(chosen)
    assert json.loads(json.dumps(inlined)) == inlined
    assert set(inlined["heights"]) == set(chosen.ladder.aspect_ratios)


hostile_text = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="0123456789.+-eE%:;=,/*xq ", max_size=24),
    st.sampled_from(
        ["", "on", "1", "2", "800", "1e9", "%", "%E0%A4%A", "image/avif", "image/avif;q=0", "__proto__", CHROMIUM]
    ),
)
hostile_names = st.one_of(
    st.sampled_from(["w", "dpr", "ar", "fmt", "token", "__proto__", "constructor", "toString", ""]), st.text(max_size=8)
)
hostile_headers = st.dictionaries(
    st.sampled_from(["accept", "sec-ch-dpr", "dpr", "sec-ch-width", "width", "save-data", "authorization", "x-other"]),
    st.lists(hostile_text, min_size=1, max_size=3),
    max_size=8,
)
hostile_paths = st.one_of(
    st.just(IMG),
    st.just(f"/img/p-{IMAGE_ID}"),
    hostile_text.map(lambda text: "/" + text),
    hostile_text.map(lambda text: "/img/" + text),
    hostile_text.map(lambda text: IMG + text),
)


def _entries(values: dict[str, list[str]]) -> dict[str, Any]:
    return {
        name: {"value": items[0], **({"multiValue": [{"value": item} for item in items]} if len(items) > 1 else {})}
        for name, items in values.items()
    }


@st.composite
def hostile_events(draw: st.DrawFn) -> dict[str, Any]:
    event = event_for(draw(hostile_paths))
    query = draw(st.dictionaries(hostile_names, st.lists(hostile_text, min_size=1, max_size=3), max_size=5))
    event["request"]["querystring"] = _entries(query)
    event["request"]["headers"] = _entries(draw(hostile_headers))
    return event


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=st.lists(hostile_events(), min_size=30, max_size=60))
def test_any_request_ends_on_the_ladder_or_in_a_refusal(
    source: str, chosen: Settings, tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    answers = {name: run_batch(path, source, events, folder) for name, path in RUNTIMES.items() if path}
    for event, result in zip(events, answers["node"], strict=True):
        assert "thrown" not in result, event
        if "statusCode" in result:
            assert result["statusCode"] in (400, 401, 404)
            continue
        id_text, _, variant_text = result["uri"].removeprefix("/").partition("/")
        image_id, variant = parse_image_id(id_text), Variant.parse(variant_text)
        assert event["request"]["uri"] == f"/img/{image_id}"
        assert not is_private(image_id)
        assert chosen.ladder.allows(variant)
    for answer in answers.values():
        assert [outcome(result) for result in answer] == [outcome(result) for result in answers["node"]]
