"""What each lane may run at once, tuned to what it needs: measured, shared fairly, applied, recorded, undone.

Run by Prefect from its deployment, or by hand: ``python -m flows.tenant_concurrency``, and to undo the last change
``python -m flows.tenant_concurrency --revert --no-dry-run``.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError
from prefect import flow, task
from prefect.artifacts import create_image_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.reporting.publishing import sign_link
from flows.runtime.approval import NotApprovedError, ask
from flows.runtime.artifacts import markdown_table, show_story
from flows.runtime.command_line import run_from_command_line
from flows.runtime.lane_chart import draw_proposal
from flows.runtime.lane_question import WrongEditError, edited, question_about_lanes
from flows.runtime.limits import LANES, LimitMissingError
from flows.runtime.retries import READING
from lambdas.core.settings import (
    DEFAULT_STAGE,
    EDGE_REGION,
    SettingsError,
    load_settings,
)
from operations.discovery import NotDeployedError, look_up
from operations.resources import Places
from operations.tuning.fairness import BudgetError
from operations.tuning.lanes import DeployedLanes, deployed_lanes, things_of_lanes
from operations.tuning.load import LaneLoad, needed
from operations.tuning.measurements import Window, measure
from operations.tuning.proposal import Change, propose
from operations.tuning.record import KIND, LaneTuning, Tuning, figures, history, last_standing, save
from operations.tuning.reservations import PATIENT, ControlPlane, HalfAppliedError, NotAppliedError, Reservations


class NoMetricsError(LookupError):
    """CloudWatch has nothing of any lane: the message says of which time."""


class ChangedMeanwhileError(RuntimeError):
    """Somebody else changed a reservation since it was read: the message says which."""


class NothingToRevertError(LookupError):
    """No change is recorded that stands."""


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
def apply_tuning(control: ControlPlane, places: Places, tuning: Tuning) -> str:
    """Record a change, make it, and record that it was made; return the record's address.

    Not tried again by itself: what failed is put back.
    """
    ledger = places.ledger(KIND)
    with LANES.hold(places.settings):
        found = control.read(tuning.before)
        if found != tuning.before and not tuning.reverts:
            other = [name for name, executions in found.items() if executions != tuning.before[name]]
            raise ChangedMeanwhileError(
                f"expected the reservations that the proposal was made for but {', '.join(other)} changed meanwhile;"
                " nothing was changed: run it again"
            )
        save(ledger, tuning)
        try:
            control.apply(tuning.after, found)
        except NotAppliedError:
            save(ledger, tuning.model_copy(update={"state": "put back"}))
            raise
        except HalfAppliedError:
            save(ledger, tuning.model_copy(update={"state": "half applied"}))
            raise
        return save(ledger, tuning.model_copy(update={"state": "applied"}))


@flow(name="tenant-concurrency", flow_run_name=_run_name, validate_parameters=True)
def tenant_concurrency(
    dry_run: bool = True,
    revert: bool = False,
    window_minutes: int | None = None,
    ask_above: float | None = None,
    approval_seconds: int | None = None,
    stage: str = DEFAULT_STAGE,
) -> State[Any]:
    """Give each lane the reserved concurrency that it needs, fairly where there is not enough for all.

    Args:
        dry_run: only show the proposal.
        revert: undo the last change instead, back to what was before it; again, and the one before that.
        window_minutes: of metrics to look at; as in the settings if left out.
        ask_above: share of all that lanes may reserve of which more is moved only after somebody approved; as in the
            settings if left out.
        approval_seconds: how long an approval is waited for; as in the settings if left out.
        stage: of which platform: dev, staging, production …

    Metrics that are missing, floors beyond the budget, an approval that never comes, a rejection, numbers that
    cannot be, a throttled control plane: each ends in a state of its own that says so, and leaves what was before.
    """
    try:
        settings = load_settings(stage=stage)
        places = Places.find(settings)
        region = settings.regions.primary
        published = look_up(settings, {thing: thing for thing in things_of_lanes(settings)}, region)
        lanes = deployed_lanes(settings, published.__getitem__)
        control = ControlPlane(
            boto3.client("lambda", region_name=region, config=PATIENT), settings.tuning.changes_per_second
        )
        if revert:
            return _revert(lanes, places, control, dry_run=dry_run)
        window = Window.before(datetime.now(UTC), window_minutes or settings.tuning.window_minutes)
        before = control.read(lanes.functions)
        budget = control.budget(sum(filter(None, before.values())), settings.lanes.account_concurrency)
        loads = measure_lanes(lanes, window)
        if not any(loads.values()):
            raise NoMetricsError(
                f"expected metrics of {', '.join(lanes.names)} from {window.start:%H:%M} to {window.end:%H:%M} UTC but"
                " CloudWatch has none; nothing was changed"
            )
        needs = {lane: needed(load, settings.lanes, settings.tuning) for lane, load in loads.items() if load}
        changes = propose(lanes.current(before, needs), budget, settings.tuning)
        _show(changes, loads, budget, places)
        wanted = lanes.wanted(changes, before)
        if dry_run or wanted == before:
            return Completed(message=f"{'dry run: ' if dry_run else ''}{_sentence(changes)}")
        share = settings.tuning.ask_above if ask_above is None else ask_above
        if sum(change.moved for change in changes) > share * budget:
            question = question_about_lanes(changes, _warning(changes, budget))
            answer = ask(question, approval_seconds or settings.operations.approval_seconds)
            changes = edited(changes, answer, budget, settings.tuning)
            wanted = lanes.wanted(changes, before)
        uri = apply_tuning(control, places, _record(places, changes, loads, before, wanted))
        _show(changes, loads, budget, places, uri)
        return Completed(message=f"{_sentence(changes)}; record: {uri}")
    except NotApprovedError as error:
        return error.state
    except (SettingsError, NotDeployedError, WrongEditError, LimitMissingError, NotAppliedError) as error:
        return Failed(message=str(error))
    except (BudgetError, NoMetricsError, ChangedMeanwhileError, NothingToRevertError, HalfAppliedError) as error:
        return Failed(name=type(error).__name__.removesuffix("Error"), message=str(error))
    except ClientError as error:
        return Failed(message=f"expected AWS to answer but: {error}")


def _revert(lanes: DeployedLanes, places: Places, control: ControlPlane, *, dry_run: bool) -> State[Any]:
    ledger = places.ledger(KIND)
    undone = last_standing(history(ledger))
    if undone is None:
        raise NothingToRevertError("expected a change of lanes that stands but none is recorded")
    found = control.read(sorted({*lanes.functions, *undone.before}))  # there may be lanes that were not there then
    wanted = {**found, **undone.before}
    has, gets = lanes.totals(found), lanes.totals(wanted)
    changes = [Change(lane, has[lane], None, executions) for lane, executions in gets.items() if executions is not None]
    sentence = f"back to before {undone.at:%Y-%m-%d %H:%M} UTC: {_sentence(changes)}"
    if dry_run:
        return Completed(message=f"dry run: {sentence}")
    record = _record(places, changes, {}, found, wanted).model_copy(update={"reverts": undone.name})
    uri = apply_tuning(control, places, record)
    show_story("lanes", sentence, [f"- Record: `{uri}`", f"- Undone: `{undone.name}`"], what="A change undone")
    return Completed(message=f"{sentence}; record: {uri}")


def _record(
    places: Places,
    changes: Sequence[Change],
    loads: Mapping[str, LaneLoad | None],
    before: Reservations,
    after: Reservations,
) -> Tuning:
    run = str(flow_run.id)
    return Tuning(
        name=places.ledger(KIND).new_name(run),
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
    return f"**{_sentence(changes)}**\n\nOf {budget:,} executions at once that lanes share:\n\n{table}"


def _table(changes: Sequence[Change], loads: Mapping[str, LaneLoad | None]) -> list[str]:
    def written(value: float | None) -> str:
        return "–" if value is None else f"{value:,.0f}"

    headings = ["lane", "has", "needs", "is to have"]
    rows: list[list[Any]] = [[each.lane, written(each.before), written(each.need), each.after] for each in changes]
    if loads:
        headings += ["arrived/min", "done/min", "backlog", "oldest", "peak", "throttles", "s/picture"]
        rows = [row + _figures(loads.get(row[0])) for row in rows]
    return markdown_table(headings, rows)


def _figures(load: LaneLoad | None) -> list[str]:
    return [f"{value:,.4g}" for value in figures(load).values()] if load else ["no metrics", *["–"] * 6]


def _show(
    changes: Sequence[Change], loads: Mapping[str, LaneLoad | None], budget: int, places: Places, uri: str = ""
) -> None:
    ledger = places.ledger(f"{KIND}-charts")
    key = ledger.put(f"{ledger.new_name(str(flow_run.id))}.png", draw_proposal(changes, budget), "image/png")
    link = sign_link(places.reports, key, EDGE_REGION)
    create_image_artifact(key="lanes-chart", image_url=link, description="Executions at once, by lane")
    without = [each.lane for each in changes if each.before is None]
    lines = [
        *_table(changes, loads),
        "",
        f"- Lanes share {budget:,} executions at once.",
        *(
            f"- {lane} has no reservation: it takes what nobody reserved, and its number is what is left for it."
            for lane in without
        ),
        *(
            [f"- Record: `{uri}`", "- Undone by: `python -m flows.tenant_concurrency --revert --no-dry-run`"]
            if uri
            else []
        ),
    ]
    show_story("lanes", _sentence(changes), lines, what="What each lane has, needs and is to have")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow from a command line and return the exit status."""
    return run_from_command_line(tenant_concurrency, arguments)


if __name__ == "__main__":
    sys.exit(main())
