"""A report as people meet it: run by its deployment, shown in Prefect's UI, read at a desk and in a hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from deployment_runs import Prefect
from playwright.sync_api import Browser, expect
from prefect_pages import open_prefect

from infra.local.stack import LocalStack

_FOLD = 900  # pixels that a desk's screen shows at once


@pytest.fixture(scope="module")
def report(stack: LocalStack, served: Prefect, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Press "Run" on the daily report's deployment, for today, and wait for its end."""
    with httpx.Client(base_url=stack.edge_url, trust_env=False, timeout=60, headers=stack.owner_headers) as edge:
        assert edge.get("/img/nonsense").status_code == 400
        edge.post("/_edge/flush").raise_for_status()
    today = datetime.now(UTC).date()
    folder = tmp_path_factory.mktemp("report")
    run = served.run("delivery-report/daily", {"day": str(today), "folder": str(folder)})
    assert run["state"]["name"] == "Completed", run["state"]["message"]
    return run | {"page": folder / "delivery.html", "artifacts": served.artifacts(run["id"])}


def test_the_run_shows_what_it_found(
    browser: Browser, stack: LocalStack, report: dict[str, Any], tmp_path: Path
) -> None:
    sentence = report["state"]["message"]
    assert sentence in report["artifacts"]["delivery-verdict"]["data"]
    page = open_prefect(browser, stack)
    page.goto(f"{stack.prefect_url}/runs/flow-run/{report['id']}")
    page.get_by_role("tab", name="Artifacts").or_(page.get_by_text("Artifacts", exact=True)).first.click()
    for key in ("delivery-report", "reports", "delivery-verdict", "hit-ratio-by-format"):
        expect(page.get_by_text(key, exact=True).first).to_be_visible(timeout=30_000)
    page.screenshot(path=tmp_path / "artifacts.png")
    page.goto(f"{stack.prefect_url}/artifacts/artifact/{report['artifacts']['delivery-verdict']['id']}")
    expect(page.get_by_text(sentence).first).to_be_visible(timeout=30_000)
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_the_screen_and_answers_first(browser: Browser, report: dict[str, Any], width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": _FOLD})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report["page"].as_uri())
    verdict = page.locator(".dr-verdict")
    expect(verdict).to_contain_text(report["state"]["message"])
    box = verdict.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < _FOLD / 2
    assert page.evaluate("document.documentElement.scrollWidth") == width
    drawn = page.locator(".dr-chart .dr-wide svg" if width > 600 else ".dr-chart .dr-narrow svg")
    assert drawn.count() >= 3
    expect(drawn.first).to_be_visible()
    assert asked == [report["page"].as_uri()]
    page.close()
