"""A lane's concurrency on the local stack: proposed from metrics, approved, applied, reverted."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deployment_runs import FlowsHere, run_id
from lane import Lane, pictures, wait_until
from typer.testing import CliRunner

from flows import tenant_concurrency as module
from flows.reporting.rendering import execute_notebook, read_figures
from flows.tenant_concurrency import tenant_concurrency
from infra.command import app
from infra.local.stack import LocalStack
from infra.local.state import HOME_VARIABLE
from lambdas.core.settings import Settings
from lambdas.core.settings.lanes import SHARED_LANE
from operations.resources import Resources
from operations.tuning.history import KIND, TuningRecord, history
from operations.tuning.lanes import DeployedLanes, deployed_lanes
from operations.tuning.load import Window, measure
from operations.tuning.reservations import ControlPlane

pytestmark = pytest.mark.usefixtures("flows_here")
LANE = "studio"
SMALLEST = 4  # one execution of each function


@pytest.fixture(scope="module")
def lanes(stack: LocalStack) -> DeployedLanes:
    return deployed_lanes(stack.settings, stack.parameter)


@pytest.fixture(scope="module")
def control(stack: LocalStack) -> ControlPlane:
    return ControlPlane(stack.client("lambda"), 1.0, sleep=lambda _seconds: None)


@pytest.fixture(autouse=True)
def smallest(lanes: DeployedLanes, control: ControlPlane) -> Iterator[dict[str, int | None]]:
    """Give the lane less than its floor, and the idle shared one just that; restore both at the end."""
    before = control.read(lanes.functions)
    own, shared = lanes.names[LANE].functions, lanes.names[SHARED_LANE].functions
    floor = lanes.settings.lanes.share_out(lanes.settings.tuning.floor)
    small: dict[str, int | None] = dict.fromkeys(own.values(), SMALLEST // len(own))
    small |= {function: floor[name] for name, function in shared.items()}
    control.apply(small, before)
    yield small
    control.apply(before, control.read(lanes.functions))


@pytest.fixture
def measured(stack: LocalStack, lanes: DeployedLanes) -> Lane:
    """Return the lane once CloudWatch has metrics of work that it did."""
    lane = Lane(stack, LANE)
    lane.put(originals := pictures(1, LANE, 64, 48))
    lane.await_outcomes(originals)
    cloudwatch = stack.client("cloudwatch")

    def done() -> bool:
        load = measure(cloudwatch, lanes.names, Window.before(datetime.now(UTC), 15))[LANE]
        return load is not None and load.pictures > 0 and load.arrived > 0

    wait_until(done, "metrics of the lane")
    return lane


def records(stack: LocalStack) -> list[TuningRecord]:
    return history(Resources.find(stack.settings).ledger(KIND))


def most_at_once(lane: Lane, count: int = 6) -> float:
    """Have pictures drawn; return how many were at once, at most."""
    began = datetime.now(UTC)
    lane.put(originals := pictures(count, LANE, 800, 600))
    lane.await_outcomes(originals)
    return lane.most_at_once("derive", began)


def test_the_reservation_limits_concurrency_and_can_be_reverted(
    stack: LocalStack,
    flows_here: FlowsHere,
    measured: Lane,
    lanes: DeployedLanes,
    control: ControlPlane,
    smallest: dict[str, int | None],
    tmp_path: Path,
) -> None:
    assert most_at_once(measured) == 1
    state: Any = flows_here.run(tenant_concurrency, "regular", ask_above=1.0)
    assert state.name == "Completed", state.message

    now = control.read(lanes.functions)
    after = lanes.totals(now)[LANE]
    assert after is not None
    assert after >= stack.settings.tuning.floor
    assert f"lanes: {LANE} {SMALLEST} → {after}" in state.message
    record = records(stack)[-1]
    assert (record.state, record.run, record.before, record.after) == ("applied", run_id(state), smallest, now)
    artifacts = flows_here.artifacts(state)
    assert f"| {LANE} | {SMALLEST} |" in artifacts["lanes"]["data"]
    assert artifacts["lanes-chart"]["type"] == "image"
    wait_until(lambda: most_at_once(measured) > 1, "pictures that are drawn at once")

    undone: Any = tenant_concurrency(revert=True, dry_run=False, return_state=True)
    assert undone.name == "Completed", undone.message
    assert control.read(lanes.functions) == smallest
    assert most_at_once(measured) == 1
    assert records(stack)[-1].reverts == record.name

    execute_notebook("lanes", tmp_path / "lanes.ipynb", {"hours": 1, "period_seconds": 10})
    figures = read_figures(tmp_path / "lanes.ipynb")
    assert figures["changes"] == 2
    assert figures["sentence"].startswith(f"{LANE} was reverted from {after} to {SMALLEST} concurrent executions")


def test_without_approval_nothing_changes(
    stack: LocalStack, measured: Lane, lanes: DeployedLanes, control: ControlPlane, smallest: dict[str, int | None]
) -> None:
    count = len(records(stack))
    state: Any = tenant_concurrency(dry_run=False, ask_above=0.0, approval_seconds=1, return_state=True)
    assert (state.name, state.message) == (
        "ApprovalNeverCame",
        "approval never came within 1 s; nothing was changed",
    )
    assert control.read(lanes.functions) == smallest
    assert len(records(stack)) == count


def test_without_metrics_nothing_changes(
    lanes: DeployedLanes, control: ControlPlane, smallest: dict[str, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = Window.before(datetime(2026, 1, 1, tzinfo=UTC), 15)
    monkeypatch.setattr(module.Window, "before", lambda *_: long_ago)
    state: Any = tenant_concurrency(dry_run=False, return_state=True)
    assert (state.name, state.is_failed()) == ("NoMetrics", True)
    assert "CloudWatch has no metrics of shared, studio from 23:46 to 00:01 UTC" in state.message
    assert control.read(lanes.functions) == smallest


def test_floors_above_the_budget_change_nothing(
    stack: LocalStack,
    measured: Lane,
    lanes: DeployedLanes,
    control: ControlPlane,
    smallest: dict[str, int | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = stack.settings.lanes.model_copy(update={"account_concurrency": 110})

    def with_few(**_: Any) -> Settings:
        return stack.settings.model_copy(update={"lanes": few})

    monkeypatch.setattr(module, "load_settings", with_few)
    state: Any = tenant_concurrency(dry_run=False, return_state=True)
    assert (state.name, state.is_failed()) == ("Budget", True)
    assert "expected 16 executions at once, the least for 2 lanes, but there are " in state.message
    assert control.read(lanes.functions) == smallest


def test_a_new_lane_gets_the_settings_reservation_and_others_keep_theirs(
    stack: LocalStack,
    lanes: DeployedLanes,
    control: ControlPlane,
    smallest: dict[str, int | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(stack.folder.home))
    assert "Every lane has its reservation." in CliRunner().invoke(app, ["reserve"]).output
    assert control.read(lanes.functions) == smallest
    control.apply(smallest | dict.fromkeys(lanes.names[LANE].functions.values()), smallest)
    begins = sum(stack.settings.reserved_concurrency(LANE).values())
    assert f"Reserved: {LANE} {begins}" in CliRunner().invoke(app, ["reserve"]).output
    floor = stack.settings.tuning.floor
    assert lanes.totals(control.read(lanes.functions)) == {SHARED_LANE: floor, LANE: begins}
