"""An audit of a stack with a planted fault of each kind, and the flows that it names to mend them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from deployment_runs import FlowsHere, Prefect, refusal, run_id
from lane import Lane, pictures
from planted_faults import LOST, TENANT, Planted, plant

from flows.audit import audit
from flows.backfill import backfill as backfill_flow
from flows.dead_letters import dead_letters
from flows.takedown import takedown
from infra.local.stack import LocalStack
from lambdas.core import life
from lambdas.core.keys import OriginalKey
from lambdas.core.life import FINAL_SECONDS
from lambdas.core.takedown import Sweep
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


def end(stack: LocalStack, image_ids: Sequence[str]) -> None:
    """End takedowns, as the sweep does when it is due."""
    resources = Resources.find(stack.settings).image_resources()
    for image_id in image_ids:
        sweep = Sweep.model_validate({"image_id": image_id, "original_key": None})
        assert resources.sweep(sweep, datetime.now(UTC) + timedelta(seconds=FINAL_SECONDS + 1)) == 0


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
    assert lost[Fault.RETURNED].startswith("1 in the ")
    assert lost[Fault.NO_DERIVATIVE] == LOST
    assert lost[Fault.NOT_REPLICATED].startswith(f"{LOST}, the oldest of ")
    document = last_document("audit", stack)
    backfills = {each["which"]: each for each in document["backfills"] if each["tenant"] == TENANT}
    assert planted.no_derivative in backfills["all"]["images"]
    assert planted.not_replicated in backfills["redraw"]["images"]
    for backfill in backfills.values():
        backfill_flow.validate_parameters(backfill)
    announced = {OriginalKey.parse(key).image_id for key in document["announce"]}
    assert announced & ours == planted.announced
    assert {planted.no_image, planted.returned, planted.unfinished} <= set(document["takedown"])
    assert planted.no_original not in document["takedown"], "it is still shown"
    summary = flows_here.artifacts(state)["audit"]["data"]
    assert "prefect deployment run 'takedown/on-demand'" in summary


@pytest.mark.usefixtures("flows_here")
def test_announcing_mends_what_was_not_processed_and_whose_version_is_gone(stack: LocalStack, planted: Planted) -> None:
    lane, names = Lane(stack), sorted(planted.announced - {planted.no_outcome})
    with_key = [key for key in last_document("audit", stack)["announce"] if key.endswith(planted.no_outcome)]
    state: Any = dead_letters(action="announce", names=[*names, *with_key], dry_run=False, return_state=True)
    assert (state.name, state.message) == ("Completed", "4 of 4 originals announced: 4 ready")
    lane.await_empty()
    again: Any = dead_letters(action="announce", names=names, dry_run=False, return_state=True)
    assert again.is_failed()
    assert f"{names[0]} is ready, and 2 others" in again.message
    audited: Any = audit(tenant=TENANT, **days(), **AT_ONCE, return_state=True)
    assert audited.is_completed()
    assert not {image_id for _, image_id, _ in findings(stack)} & planted.announced


def test_a_takedown_removes_everything_and_the_next_audit_finds_nothing(
    stack: LocalStack, flows_here: FlowsHere, planted: Planted
) -> None:
    gone = [planted.no_original, planted.no_image, planted.returned, planted.unfinished]
    dry: Any = takedown(images=gone, return_state=True)
    assert dry.message == "dry run: 4 pictures would be removed"
    done: Any = flows_here.run(takedown, "on-demand", images=gone, dry_run=False, reason="audit")

    assert done.name == "Completed", done.message
    receipt = last_document("takedown", stack)
    assert (receipt["run"], receipt["reason"], receipt["failures"]) == (run_id(done), "audit", [])
    made = len(stack.settings.eager_variants)
    rows = {row["image"]: row for row in receipt["removed"]}
    assert rows[planted.no_original]["originals"] == 2  # the original and the mark of its deletion
    assert rows[planted.no_original]["derivatives"] == rows[planted.no_original]["replica"] == made
    for stray in (planted.no_image, planted.returned):
        assert (rows[stray]["derivatives"], rows[stray]["replica"]) == (1, 1)
    finals = {image_id: row["final_at"] is not None for image_id, row in rows.items()}
    assert finals == {image_id: image_id == planted.returned for image_id in gone}
    assert "3 pictures will be erased once more 20 minutes after" in flows_here.artifacts(done)["takedown"]["data"]
    end(stack, gone)
    again: Any = takedown(images=gone, dry_run=False, return_state=True)
    assert again.message == (
        "4 of 4 pictures removed: 0 versions of originals, 0 of derivatives and 0 of their replicas; 4 final"
    )
    state: Any = audit(tenant=TENANT, **days(), **AT_ONCE, return_state=True)
    assert state.is_completed()
    assert not {image_id for _, image_id, _ in findings(stack)} & set(gone)


@pytest.mark.usefixtures("flows_here")
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "expected images, or a tenant, but received neither"),
        ({"images": ["0" * 32]}, f"No image {'0' * 32}: it has no record and no derivatives"),
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
    """A tenant that the settings no longer name, with pictures stored, and one that was only asked for."""
    resources = Resources.find(stack.settings)
    *stored, missing = pictures(3, "former", 64, 48)
    Lane(stack).put(stored)
    upload = {
        "tenant": "former",
        "key": missing.key,
        "bytes": 9,
        "requested_at": life.format_instant(datetime.now(UTC)),
    }
    assert resources.images_table().apply(missing.image_id, life.expect(upload, datetime.now(UTC))).done
    state: Any = takedown(tenant="former", dry_run=False, return_state=True)
    assert state.name == "Completed", state.message
    assert state.message.startswith("3 of 3 pictures removed: 2 versions of originals")
    assert state.message.endswith("; 0 final")
    assert not list(resources.image_resources().originals.keys("former/"))
    again: Any = takedown(tenant="former", dry_run=False, return_state=True)
    assert again.message.startswith("3 of 3 pictures removed: 0 versions of originals"), "it is not final yet"
    end(stack, [each.image_id for each in (*stored, missing)])
    again = takedown(tenant="former", return_state=True)
    assert again.message == "expected a tenant of demo, studio but received 'former'"
