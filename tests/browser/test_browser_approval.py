"""A takedown that waits for a person, who approves it in Prefect's UI."""

import re
import time
from pathlib import Path

import httpx
import pyvips
from deployment_runs import Prefect
from playwright.sync_api import Browser, Error, Page, expect
from prefect_pages import open_prefect

from infra.local.stack import LocalStack
from infra.local.tenant import tenant_uploader

_TRIES = 3


def await_record(stack: LocalStack, image_id: str) -> None:
    table, database = stack.parameter("images-table"), stack.client("dynamodb")
    deadline = time.monotonic() + 90
    while "Item" not in database.get_item(TableName=table, Key={"image_id": {"S": image_id}}, ConsistentRead=True):
        assert time.monotonic() < deadline, f"expected an outcome of {image_id}"
        time.sleep(0.1)


def approve(page: Page, image_id: str) -> None:
    """Read the question, choose to approve it, give a reason, and submit."""
    page.get_by_role("button", name="Resume").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 picture will be removed permanently")
    expect(dialog).to_contain_text(image_id)
    dialog.locator(".p-select-button__control").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("option", name="approve").click()
    dialog.locator("textarea").fill("asked for by its owner")
    expect(dialog.locator(".p-select-button__value")).to_have_text("approve")
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog).to_be_hidden()


def test_a_person_approves_in_the_ui(browser: Browser, served: Prefect, stack: LocalStack, tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    pyvips.Image.black(64, 48, bands=3).copy(interpretation="srgb").jpegsave(str(file))
    with tenant_uploader(stack, "demo") as uploader:
        image_id = uploader.upload(file).image_id
    await_record(stack, image_id)
    shown = f"{stack.edge_url}/img/{image_id}"
    flow_run_id = served.start("takedown/on-demand", {"images": [image_id], "dry_run": False, "ask_above": 0})
    served.await_state(flow_run_id, "PAUSED")

    page = open_prefect(browser, stack)
    address = f"{stack.prefect_url}/runs/flow-run/{flow_run_id}"
    for left in reversed(range(_TRIES)):
        page.goto(address)
        try:
            approve(page, image_id)
            break
        except (AssertionError, Error):  # the page asked for the run's state meanwhile, and drew its form anew
            if served.read(flow_run_id)["state_type"] != "PAUSED":
                break
            if not left:
                raise

    run = served.await_state(flow_run_id)
    assert run["state"]["name"] == "Completed", run["state"]["message"]
    assert re.match(r"1 of 1 picture removed: 1 versions of originals", run["state"]["message"])
    expect(page.get_by_text("Completed").first).to_be_visible()
    page.close()
    assert httpx.get(shown, trust_env=False, timeout=60).status_code == 404
