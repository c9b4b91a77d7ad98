"""Tuning of lanes: measure their load, propose a fair share of the concurrency for each, apply it, record and revert.

Run it from its deployment, or by hand: ``python -m flows.tenant_concurrency``. Revert the last change with
``python -m flows.tenant_concurrency --revert --no-dry-run``.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import boto3
from botocore.exceptions import ClientError
from prefect import flow, task
from prefect.artifacts import create_image_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import Field, create_model

from flows.reporting.publishing import sign_link
from flows.runtime.approval import Approval, approval_state, require_approval
from flows.runtime.artifacts import markdown_table, show_summary
from flows.runtime.command_line import run_from_command_line
from flows.runtime.policies import LANES, READING, LimitMissingError
from flows.runtime.role import take_role
from lambdas.core.settings import DEFAULT_STAGE, EDGE_REGION, SettingsError, load_settings
from lambdas.core.settings.lanes import Tuning
from operations.approval import NotApprovedError
from operations.discovery import NotDeployedError, look_up
from operations.resources import Resources
from operations.tuning.chart import draw_proposal
from operations.tuning.history import KIND, LaneTuning, TuningRecord, figures, history, last_in_effect, save
from operations.tuning.lanes import DeployedLanes, deployed_lanes, lane_parameters
from operations.tuning.load import LaneLoad, Window, measure, needed
from operations.tuning.proposal import BudgetError, Change, WrongEditError, edit, propose
from operations.tuning.reservations import PATIENT, ControlPlane, HalfAppliedError, NotAppliedError, Reservations


class NoMetricsError(LookupError):
    """CloudWatch has no metrics of any lane; the message says of which time."""


class ChangedMeanwhileError(RuntimeError):
    """A reservation has changed since it was read; the message says which."""


class NothingToRevertError(LookupError):
    """No recorded change is in effect."""


class LaneApproval(Approval):
    """Approve the proposal, reject it, or edit its numbers."""

    decision: Literal["approve", "reject", "edit"] = Field(  # type: ignore[assignment]  # one more choice
        description="approve applies the proposal, edit the numbers below, reject changes nothing."
    )


def lane_approval_form(changes: Sequence[Change], description: str) -> type[LaneApproval]:
    """Return the form, with a number field for each lane that has a reservation."""
    fields: dict[str, Any] = {
        _field(each.lane): (int, Field(default=each.after, title=each.lane, description=_field_description(each)))
        for each in changes
        if each.before is not None
    }
    form = create_model("LaneApproval", __base__=LaneApproval, **fields)
    form._description = description
    return form


def edited(changes: Sequence[Change], submitted: LaneApproval, budget: int, tuning: Tuning) -> list[Change]:
    """Return the proposal, with the submitted numbers if it was edited.

    Raises:
        WrongEditError: as :func:`operations.tuning.proposal.edit`.
    """
    if submitted.decision != "edit":
        return list(changes)
    numbers = {each.lane: getattr(submitted, _field(each.lane)) for each in changes if each.before is not None}
    return edit(changes, numbers, budget, tuning)


def _field(lane: str) -> str:
    return f"lane_{lane}"  # a tenant may be called "reason"


def _field_description(change: Change) -> str:
    need = "unknown" if change.need is None else f"{change.need}"
    return f"Concurrent executions: currently {change.before}, needed {need}."


def _run_name() -> str:
    parameters = flow_run.parameters
    what = "revert lanes" if parameters.get("revert") else "tune lanes"
    return f"plan to {what}" if parameters.get("dry_run") else what


@task(**READING)
def measure_lanes(lanes: DeployedLanes, window: Window) -> dict[str, LaneLoad | None]:
    """Read every lane's metrics."""
    cloudwatch = boto3.client("cloudwatch", region_name=lanes.settings.regions.primary)
    return measure(cloudwatch, lanes.names, window)


@task(cache_policy=NO_CACHE)
def apply_tuning(control: ControlPlane, resources: Resources, tuning: TuningRecord) -> str:
    """Record a change, apply it, and record the result; return the record's S3 URI.

    Without retries: a failure is rolled back.
    """
    ledger = resources.ledger(KIND)
    with LANES.hold(resources.settings):
        found = control.read(tuning.before)
        if found != tuning.before and not tuning.reverts:
            other = [name for name, executions in found.items() if executions != tuning.before[name]]
            raise ChangedMeanwhileError(
                f"the reservations of {', '.join(other)} have changed since the proposal;"
                " nothing was changed: run it again"
            )
        save(ledger, tuning)
        try:
            control.apply(tuning.after, found)
        except NotAppliedError:
            save(ledger, tuning.model_copy(update={"state": "rolled back"}))
            raise
        except HalfAppliedError:
            save(ledger, tuning.model_copy(update={"state": "half applied"}))
            raise
        return save(ledger, tuning.model_copy(update={"state": "applied"}))


@flow(name="tenant-concurrency", flow_run_name=_run_name, validate_parameters=True, on_running=[take_role])
def tenant_concurrency(
    dry_run: bool = True,
    revert: bool = False,
    window_minutes: int | None = None,
    ask_above: float | None = None,
    approval_seconds: int | None = None,
    stage: str = DEFAULT_STAGE,
) -> State[Any]:
    """Give each lane the reserved concurrency that it needs, or a fair share if there is not enough.

    Args:
        dry_run: Only show the proposal.
        revert: Revert the last change instead; repeated, the one before it.
        window_minutes: Minutes of metrics to use; from the settings if left out.
        ask_above: Moving more than this share of the lanes' budget requires approval; from the settings if left out.
        approval_seconds: How long to wait for an approval; from the settings if left out.
        stage: Stage to work on, such as dev, staging or production.

    Missing metrics, floors beyond the budget, a rejected or missing approval, invalid numbers and a throttled control
    plane each end in a state with its own name and message, and leave the reservations unchanged.
    """
    try:
        settings = load_settings(stage=stage)
        resources = Resources.find(settings)
        region = settings.regions.primary
        published = look_up(settings, {thing: thing for thing in lane_parameters(settings)}, region)
        lanes = deployed_lanes(settings, published.__getitem__)
        control = ControlPlane(
            boto3.client("lambda", region_name=region, config=PATIENT), settings.tuning.changes_per_second
        )
        if revert:
            return _revert(lanes, resources, control, dry_run=dry_run)
        window = Window.before(datetime.now(UTC), window_minutes or settings.tuning.window_minutes)
        before = control.read(lanes.functions)
        budget = control.budget(sum(filter(None, before.values())), settings.lanes.account_concurrency)
        loads = measure_lanes(lanes, window)
        if not any(loads.values()):
            raise NoMetricsError(
                f"CloudWatch has no metrics of {', '.join(lanes.names)} from {window.start:%H:%M} to"
                f" {window.end:%H:%M} UTC; nothing was changed"
            )
        needs = {lane: needed(load, settings.lanes, settings.tuning) for lane, load in loads.items() if load}
        changes = propose(lanes.current(before, needs), budget, settings.tuning)
        _show(changes, loads, budget, resources)
        wanted = lanes.wanted(changes, before)
        if dry_run or wanted == before:
            return Completed(message=f"{'dry run: ' if dry_run else ''}{_sentence(changes)}")
        share = settings.tuning.ask_above if ask_above is None else ask_above
        if sum(change.moved for change in changes) > share * budget:
            form = lane_approval_form(changes, _warning(changes, budget))
            submitted = require_approval(form, approval_seconds or settings.operations.approval_seconds)
            changes = edited(changes, submitted, budget, settings.tuning)
            wanted = lanes.wanted(changes, before)
        uri = apply_tuning(control, resources, _record(resources, changes, loads, before, wanted))
        _show(changes, loads, budget, resources, uri)
        return Completed(message=f"{_sentence(changes)}; record: {uri}")
    except NotApprovedError as error:
        return approval_state(error)
    except (SettingsError, NotDeployedError, WrongEditError, LimitMissingError, NotAppliedError) as error:
        return Failed(message=str(error))
    except (BudgetError, NoMetricsError, ChangedMeanwhileError, NothingToRevertError, HalfAppliedError) as error:
        return Failed(name=type(error).__name__.removesuffix("Error"), message=str(error))
    except ClientError as error:
        return Failed(message=f"AWS refused: {error}")


def _revert(lanes: DeployedLanes, resources: Resources, control: ControlPlane, *, dry_run: bool) -> State[Any]:
    ledger = resources.ledger(KIND)
    reverted = last_in_effect(history(ledger))
    if reverted is None:
        raise NothingToRevertError("No recorded change of lanes is in effect")
    found = control.read(sorted({*lanes.functions, *reverted.before}))  # lanes may have been added since
    wanted = {**found, **reverted.before}
    has, gets = lanes.totals(found), lanes.totals(wanted)
    changes = [Change(lane, has[lane], None, executions) for lane, executions in gets.items() if executions is not None]
    sentence = f"back to before {reverted.at:%Y-%m-%d %H:%M} UTC: {_sentence(changes)}"
    if dry_run:
        return Completed(message=f"dry run: {sentence}")
    record = _record(resources, changes, {}, found, wanted).model_copy(update={"reverts": reverted.name})
    uri = apply_tuning(control, resources, record)
    show_summary(
        "lanes", sentence, [f"- Record: `{uri}`", f"- Reverted: `{reverted.name}`"], description="A reverted change"
    )
    return Completed(message=f"{sentence}; record: {uri}")


def _record(
    resources: Resources,
    changes: Sequence[Change],
    loads: Mapping[str, LaneLoad | None],
    before: Reservations,
    after: Reservations,
) -> TuningRecord:
    run = str(flow_run.id)
    return TuningRecord(
        name=resources.ledger(KIND).new_name(run),
        at=datetime.now(UTC),
        run=run,
        state="applying",
        lanes={
            each.lane: LaneTuning(
                before=each.before, after=each.after, need=each.need, load=figures(loads.get(each.lane))
            )
            for each in changes
        },
        before=dict(before),
        after=dict(after),
    )


def _sentence(changes: Sequence[Change]) -> str:
    changed = [f"{each.lane} {each.before} → {each.after}" for each in changes if each.applies]
    return f"lanes: {', '.join(changed)}" if changed else "every lane has what it needs"


def _warning(changes: Sequence[Change], budget: int) -> str:
    table = "\n".join(_table(changes, {}))
    return f"**{_sentence(changes)}**\n\nThe lanes share {budget:,} concurrent executions:\n\n{table}"


def _table(changes: Sequence[Change], loads: Mapping[str, LaneLoad | None]) -> list[str]:
    def formatted(value: float | None) -> str:
        return "–" if value is None else f"{value:,.0f}"

    headings = ["lane", "current", "needed", "proposed"]
    rows: list[list[Any]] = [[each.lane, formatted(each.before), formatted(each.need), each.after] for each in changes]
    if loads:
        headings += ["arrived/min", "done/min", "backlog", "oldest", "peak", "throttles", "s/picture"]
        rows = [row + _figures(loads.get(row[0])) for row in rows]
    return markdown_table(headings, rows)


def _figures(load: LaneLoad | None) -> list[str]:
    return [f"{value:,.4g}" for value in figures(load).values()] if load else ["no metrics", *["–"] * 6]


def _show(
    changes: Sequence[Change], loads: Mapping[str, LaneLoad | None], budget: int, resources: Resources, uri: str = ""
) -> None:
    ledger = resources.ledger(f"{KIND}-charts")
    key = ledger.put(f"{ledger.new_name(str(flow_run.id))}.png", draw_proposal(changes, budget), "image/png")
    link = sign_link(resources.reports, key, EDGE_REGION)
    create_image_artifact(key="lanes-chart", image_url=link, description="Concurrent executions by lane")
    without = [each.lane for each in changes if each.before is None]
    lines = [
        *_table(changes, loads),
        "",
        f"- The lanes share {budget:,} concurrent executions.",
        *(
            f"- {lane} has no reservation: it uses the unreserved concurrency, and its number is its share of that."
            for lane in without
        ),
        *(
            [f"- Record: `{uri}`", "- Revert: `python -m flows.tenant_concurrency --revert --no-dry-run`"]
            if uri
            else []
        ),
    ]
    show_summary(
        "lanes", _sentence(changes), lines, description="Current, needed and proposed concurrency of each lane"
    )


if __name__ == "__main__":
    sys.exit(run_from_command_line(tenant_concurrency))
