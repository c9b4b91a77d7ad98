"""An audit of a stack with a planted fault of each kind, and the takedown of images without a record."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deployment_runs import FlowsHere, Prefect, refusal, run_id
from lane import Lane, pictures
from planted_faults import LOST, TENANT, Planted, plant

from flows.audit import audit
from flows.backfill import backfill as backfill_flow
from flows.takedown import takedown
from infra.local.stack import LocalStack
from operations.audit.faults import Fault
from operations.resources import Resources

AT_ONCE = {"settled_minutes": 0, "replica_minutes": 0}


def days() -> dict[str, str]:
    """Return yesterday and today, because midnight may pass during a test."""
    today = datetime.now(UTC).date()
    return {"day": str(today - timedelta(days=1)), "last_day": str(today)}


def last_document(kind: str, stack: LocalStack) -> Any:
    return list(Resources.find(stack.settings).ledger(kind).read())[-1][1]


def findings(stack: LocalStack) -> list[tuple[Fault, str, str]]:
    return [
        (Fault(each["fault"]), each["image_id"], each["detail"]) for each in last_document("audit", stack)["findings"]
    ]


@pytest.fixture(scope="module")
def planted(stack: LocalStack) -> Planted:
    return plant(stack)


def test_the_audit_finds_exactly_the_planted_faults(stack: LocalStack, flows_here: FlowsHere, planted: Planted) -> None:
    parameters = {"tenant": TENANT, **days(), **AT_ONCE, "strays": True}
    state: Any = flows_here.run(audit, "daily", **parameters)

    assert (state.is_completed(), state.name) == (True, "FaultsFound"), state.message
    ours = set(vars(planted).values())
    found = [(fault, image_id) for fault, image_id, _ in findings(stack)]
    assert sorted(each for each in found if each[1] in ours) == planted.findings
    lost = {fault: detail for fault, image_id, detail in findings(stack) if image_id in ours}
    assert lost[Fault.NO_DERIVATIVE] == LOST
    assert lost[Fault.NOT_REPLICATED].startswith(f"{LOST}, the oldest of ")
    document = last_document("audit", stack)
    backfills = {each["which"]: each for each in document["backfills"] if each["tenant"] == TENANT}
    assert planted.no_derivative in backfills["all"]["images"]
    assert planted.not_replicated in backfills["redraw"]["images"]
    for backfill in backfills.values():
        backfill_flow.validate_parameters(backfill)
    assert [key for key in document["announce"] if key.endswith(planted.no_outcome)]
    assert planted.no_image in document["takedown"]
    assert planted.no_original not in document["takedown"], "it is still shown"
    summary = flows_here.artifacts(state)["audit"]["data"]
    assert "prefect deployment run 'takedown/on-demand'" in summary


def test_a_takedown_removes_everything_and_the_next_audit_finds_nothing(
    stack: LocalStack, flows_here: FlowsHere, planted: Planted
) -> None:
    gone = [planted.no_original, planted.no_image]
    dry: Any = takedown(images=gone, return_state=True)
    assert dry.message == "dry run: 2 pictures would be removed"
    done: Any = flows_here.run(takedown, "on-demand", images=gone, dry_run=False, reason="audit")

    assert done.name == "Completed", done.message
    receipt = last_document("takedown", stack)
    assert (receipt["run"], receipt["reason"], receipt["failures"]) == (run_id(done), "audit", [])
    made = len(stack.settings.eager_variants)
    rows = {row["image"]: row for row in receipt["removed"]}
    assert rows[planted.no_original]["originals"] == 2  # the original and the mark of its deletion
    assert rows[planted.no_original]["derivatives"] == rows[planted.no_original]["replica"] == made
    assert (rows[planted.no_image]["derivatives"], rows[planted.no_image]["replica"]) == (1, 1)
    again: Any = takedown(images=gone, dry_run=False, return_state=True)
    assert again.message == "2 of 2 pictures removed: 0 versions of originals, 0 of derivatives and 0 of their replicas"
    state: Any = audit(tenant=TENANT, **days(), **AT_ONCE, return_state=True)
    assert state.is_completed()
    assert not {image_id for _, image_id, _ in findings(stack)} & set(gone)


@pytest.mark.usefixtures("flows_here")
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "expected images, or a tenant, but received neither"),
        ({"images": ["nonsense"]}, "32 lower-case hex digits for an image id but received 'nonsense'"),
        ({"tenant": "nobody"}, "expected a tenant of demo, studio but received 'nobody'"),
        ({"tenant": "demo/2026-11-25"}, "expected a tenant's name but received 'demo/2026-11-25'"),
        ({"stage": "staging"}, "stage 'staging' has none"),
        ({"stage": "nowhere"}, "expected one of its stages (dev, staging, production) but received 'nowhere'"),
    ],
)
def test_an_invalid_takedown_is_refused(parameters: dict[str, Any], message: str) -> None:
    state = refusal(takedown, **parameters, dry_run=False)
    assert state.is_failed()
    assert message in state.message


@pytest.mark.usefixtures("flows_here")
def test_images_of_another_tenant_are_refused(stack: LocalStack, planted: Planted) -> None:
    state: Any = takedown(images=[planted.sound], tenant="studio", dry_run=False, return_state=True)
    assert state.is_failed()
    assert f"{planted.sound} is of demo" in state.message
    assert Resources.find(stack.settings).inventory().find([planted.sound])


@pytest.mark.usefixtures("flows_here")
def test_a_rejected_takedown_removes_nothing(stack: LocalStack, served: Prefect, planted: Planted) -> None:
    """Rejected through Prefect's API, as the UI does."""
    asked = {"images": [planted.sound], "dry_run": False, "ask_above": 0}
    flow_run_id = served.start("takedown/on-demand", asked)
    served.await_state(flow_run_id, "PAUSED")
    served.resume(flow_run_id, {"decision": "reject", "reason": "not ours"})
    run = served.await_state(flow_run_id)
    assert (run["state"]["name"], run["state"]["message"]) == ("Rejected", "rejected: not ours; nothing was changed")
    assert Resources.find(stack.settings).inventory().find([planted.sound])


@pytest.mark.usefixtures("flows_here")
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tenant": "nobody"}, "expected a tenant of demo, studio but received 'nobody'"),
        ({"day": "2999-01-01"}, "expected days up to today"),
    ],
)
def test_an_invalid_audit_is_refused(parameters: dict[str, Any], message: str) -> None:
    state = refusal(audit, **parameters)
    assert state.is_failed()
    assert message in state.message


@pytest.mark.usefixtures("flows_here")
def test_a_former_tenant_can_be_taken_down(stack: LocalStack) -> None:
    """A tenant that the settings no longer name, with pictures stored."""
    Lane(stack).put(pictures(2, "former", 64, 48))
    state: Any = takedown(tenant="former", dry_run=False, return_state=True)
    assert state.name == "Completed", state.message
    assert state.message.startswith("2 of 2 pictures removed: 2 versions of originals")
    assert not list(Resources.find(stack.settings).image_resources().originals.keys("former/"))
    again: Any = takedown(tenant="former", return_state=True)
    assert again.message == "expected a tenant of demo, studio but received 'former'"
