"""The delivery report on the local stack: its figures equal the edge's, and failures are reported."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest
import samples
from access_logs import edge_statistics
from deployment_runs import refusal
from outcomes import await_outcome, upload
from scan_limits import scan_limit
from throttling_athena import throttling

from flows.delivery_report import delivery_report
from flows.reporting.periods import Period
from flows.reporting.queries import Analytics, Query, QueryFailedError, find_analytics, run_query
from flows.reporting.rendering import NOTEBOOKS, execute_notebook, read_figures
from flows.reporting.reports import FinishedReport
from flows.reporting.results import fetch_thumbnails, load_results
from flows.runtime.command_line import run_from_command_line
from infra.local.stack import LocalStack
from lambdas.core.keys import new_image_id

pytestmark = pytest.mark.usefixtures("flows_here")

DAYS = (date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2))
CHROMIUM, SAFARI_14, CURL = "image/avif,image/webp,*/*;q=0.8", "image/webp,*/*;q=0.5", "*/*"


@pytest.fixture
def analytics(stack: LocalStack) -> Analytics:
    return find_analytics(stack.settings)


@pytest.fixture(scope="module")
def traffic(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Request a picture as three browsers do, twice each, and two addresses that fail."""
    file = tmp_path_factory.mktemp("traffic") / "photo.jpg"
    file.write_bytes(samples.jpeg())
    image_id = upload(stack, file)
    assert await_outcome(stack, image_id)["state"] == "ready"
    with httpx.Client(base_url=stack.edge_url, trust_env=False, timeout=60, headers=stack.owner_headers) as edge:
        for accept in (CHROMIUM, SAFARI_14, CURL):
            for _ in range(2):
                assert edge.get(f"/img/{image_id}?w=300", headers={"accept": accept}).status_code == 200
        assert edge.get(f"/img/{'0' * 32}").status_code == 404
        assert edge.get("/img/nonsense").status_code == 400


def days_of_the_session() -> dict[str, date]:
    today = datetime.now(UTC).date()
    return {"day": today - timedelta(days=1), "last_day": today}


@pytest.mark.usefixtures("traffic")
def test_figures_equal_the_edges_statistics(stack: LocalStack, analytics: Analytics, tmp_path: Path) -> None:
    with httpx.Client(base_url=stack.edge_url, trust_env=False, timeout=60, headers=stack.owner_headers) as edge:
        counted = edge_statistics(edge)
    state: Any = delivery_report(**days_of_the_session(), folder=tmp_path, return_state=True)

    assert state.name == "Completed", state.message
    report = state.result()
    statuses = {int(status): count for status, count in counted["statuses"].items()}
    assert report.figures["requests"] == counted["requests"] >= 8
    assert report.figures["bytes"] == counted["bytes"]
    assert report.figures["hits"] == counted["hits"] >= 3
    assert report.figures["misses"] == counted["results"]["Miss"] >= 3
    assert report.figures["hit_ratio"] == pytest.approx(counted["hit_ratio"], abs=1e-6)
    assert report.figures["client_errors"] == sum(count for status, count in statuses.items() if 400 <= status < 500)
    assert report.figures["server_errors"] == sum(count for status, count in statuses.items() if status >= 500)
    results = load_results(tmp_path / "results")
    for query in ("hit_ratio_by_hour", "hit_ratio_by_day", "hit_ratio_by_location", "hit_ratio_by_tenant"):
        rows = results[query]
        assert rows is not None
        assert int(rows.requests.sum()) == counted["requests"], query
        assert int(rows.bytes.sum()) == counted["bytes"], query
        assert int(rows.hits.sum()) == counted["hits"], query
    by_format = results["hit_ratio_by_format"]
    assert by_format is not None
    for row in by_format.to_dict("records"):
        edges = counted["formats"][row["format"]]
        assert {name: row[name] for name in edges} == edges
    assert set(by_format.format) == counted["formats"].keys()

    page = report.page.read_text(encoding="utf-8")
    assert report.figures["sentence"] in page
    assert f"In all {counted['requests']:,} requests and {counted['bytes']:,} bytes." in page
    assert f"{counted['hit_ratio']:.1%}" in page
    stored = stack.client("s3").get_object(Bucket=analytics.reports_bucket, Key=report.uri.split("/", 3)[3])
    assert stored["ContentType"].startswith("text/html")
    assert stored["Body"].read().decode() == page
    _assert_artifacts(stack, state.state_details.flow_run_id, report)


def _assert_artifacts(stack: LocalStack, flow_run_id: Any, report: FinishedReport) -> None:
    sought = {"artifacts": {"flow_run_id": {"any_": [str(flow_run_id)]}}}
    found = httpx.post(
        f"{stack.prefect_url}/api/artifacts/filter", json=sought, auth=("darkroom", stack.keys.token), trust_env=False
    ).json()
    artifacts = {artifact["key"]: artifact for artifact in found}
    assert artifacts.keys() == {"delivery-report", "reports", "delivery-verdict", "hit-ratio-by-format"}
    assert report.figures["sentence"] in artifacts["delivery-verdict"]["data"]
    page = report.page.read_text(encoding="utf-8")
    assert linked_page(artifacts["delivery-report"]["data"]) == page
    index = linked_page(artifacts["reports"]["data"])
    assert report.sentence in index
    assert page in map(linked_page, re.findall(r'<a href="([^"]+)">', index))


def linked_page(link: str) -> str:
    """Return what a link leads to, given as an address or in Markdown."""
    address = unescape(link[link.index("(http") + 1 : link.rindex(")")] if "(http" in link else link)
    answer = httpx.get(address, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.usefixtures("traffic")
def test_a_notebook_opened_by_hand_queries_athena(stack: LocalStack, tmp_path: Path) -> None:
    with httpx.Client(base_url=stack.edge_url, trust_env=False, timeout=60, headers=stack.owner_headers) as edge:
        counted = edge_statistics(edge)
    days = {name: str(day) for name, day in zip(("first_day", "last_day"), days_of_the_session().values(), strict=True)}
    execute_notebook("tenants", tmp_path / "tenants.ipynb", days)
    figures = read_figures(tmp_path / "tenants.ipynb")
    assert (figures["requests"], figures["bytes"]) == (counted["requests"], counted["bytes"])


@pytest.mark.usefixtures("traffic")
def test_a_failed_query_is_named_in_the_report(stack: LocalStack, tmp_path: Path) -> None:
    stack.edge_control("flush")
    with scan_limit(stack, 1):
        state: Any = delivery_report(**days_of_the_session(), notebook="tenants", folder=tmp_path, return_state=True)
    assert state.is_completed()
    assert state.name == "Incomplete"
    assert "or raise [analytics] scan_limit_bytes of darkroom.toml" in state.message
    assert "hit_ratio_by_format" in state.result().failed_queries
    page = (tmp_path / "tenants.html").read_text(encoding="utf-8")
    assert "Bytes scanned limit was exceeded: query fewer days" in page
    assert "is not known: its query failed" in page


def test_thumbnails_are_of_existing_public_pictures(stack: LocalStack) -> None:
    ids = [new_image_id(), new_image_id(private=True), new_image_id(), "no image id"]
    s3, bucket = stack.client("s3"), stack.parameter("derivatives-bucket")
    keys = [f"{image_id}/256x0.webp" for image_id in ids[:2]]
    try:
        for key in keys:
            s3.put_object(Bucket=bucket, Key=key, Body=b"small")
        assert fetch_thumbnails(ids, stack.settings) == {ids[0]: b"small"}
    finally:
        for key in keys:
            s3.delete_object(Bucket=bucket, Key=key)


def test_a_throttled_query_is_retried(analytics: Analytics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # of the SDK's own, before ours
    with throttling(monkeypatch, times=1) as throttled:
        answer = run_query(Query("hit_ratio_by_format"), Period(*DAYS[:2]), analytics, attempts=2)
    assert throttled.refused == 1
    assert answer.rows.empty


def test_a_permanently_throttled_query_fails_with_a_remedy(
    analytics: Analytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with (
        throttling(monkeypatch, times=100) as throttled,
        pytest.raises(QueryFailedError, match=r"ThrottlingException.*run it again later, or lower \[analytics\]"),
    ):
        run_query(Query("hit_ratio_by_format"), Period(*DAYS[:2]), analytics, attempts=1)
    assert throttled.refused == 1


@pytest.mark.extra  # tests/unit/test_notebooks.py has its page, and the test of a failed query its publishing
def test_a_failed_cell_gives_an_incomplete_page(
    stack: LocalStack, analytics: Analytics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = nbformat.read(NOTEBOOKS / "tenants.ipynb", as_version=4)
    notebook.cells.insert(4, nbformat.v4.new_code_cell("raise ArithmeticError('a cell <raised>')"))
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / "tenants.ipynb")
    monkeypatch.setattr("flows.reporting.rendering.NOTEBOOKS", tmp_path / "notebooks")

    state: Any = delivery_report(DAYS[0], notebook="tenants", folder=tmp_path / "report", return_state=True)

    assert state.is_failed()
    key = "tenants/2026-02-28/tenants.html"
    where = f"s3://{analytics.reports_bucket}/{key}"
    assert state.message == f"tenants: ArithmeticError: a cell <raised>; incomplete report: {where}"
    page = stack.client("s3").get_object(Bucket=analytics.reports_bucket, Key=key)["Body"].read().decode()
    assert "This report is incomplete" in page
    assert "ArithmeticError: a cell &lt;raised&gt;" in page
    index = stack.client("s3").get_object(Bucket=analytics.reports_bucket, Key="index.html")["Body"].read().decode()
    assert "Incomplete: tenants: ArithmeticError: a cell &lt;raised&gt;" in index


def test_a_day_without_logs_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--day", "2026-02-01", "--tenant", "demo", "--notebook", "tenants", "--folder", str(tmp_path)]
    assert run_from_command_line(delivery_report, chosen) == 0
    sentence = "Nothing of demo was requested on 1 February 2026: the log has no request."
    assert capsys.readouterr().out.strip() == sentence
    page = (tmp_path / "tenants.html").read_text(encoding="utf-8")
    assert sentence in page
    assert "check the log delivery of the distribution" in page


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"day": date(2999, 1, 1)}, "expected days up to today"),
        ({"day": DAYS[1], "last_day": DAYS[0]}, "expected a last day on or after 2026-03-01 but received 2026-02-28"),
        ({"day": DAYS[0], "tenant": "nobody"}, "expected a tenant of demo, studio but received 'nobody'"),
        ({"day": DAYS[0], "stage": "staging"}, "expected the SSM parameters .*'staging' has none: deploy it"),
        ({"day": DAYS[0], "stage": "No Stage"}, "expected one of its stages .* but received 'No Stage'"),
    ],
    ids=["future", "reversed", "unknown-tenant", "not-deployed", "unknown-stage"],
)
def test_invalid_parameters_are_refused_and_write_nothing(
    tmp_path: Path, parameters: dict[str, Any], message: str
) -> None:
    state = refusal(delivery_report, **parameters, folder=tmp_path / "report")
    assert state.is_failed()
    assert re.search(message, state.message)
    assert not (tmp_path / "report").exists()
