"""Dead letters: list failed messages with their reasons, redrive or discard them, or announce originals again.

Run it from its deployment, or by hand: ``python -m flows.dead_letters --action redrive --because AccessDenied
--no-dry-run``. It can be repeated safely: a redriven message has left the dead-letter queue.
"""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict

from flows.runtime.approval import approval_state, approve_in_ui
from flows.runtime.artifacts import markdown_table, show_summary, show_table
from flows.runtime.command_line import run_from_command_line
from flows.runtime.policies import READING
from flows.runtime.role import take_role
from lambdas.core.keys import ImageId, MalformedKeyError
from lambdas.core.settings import DEFAULT_STAGE, SettingsError, load_settings
from operations.approval import NotApprovedError
from operations.dead_letters.announcing import Announcement, Announcer, NotAnnouncedError
from operations.dead_letters.message import DeadMessage
from operations.dead_letters.plan import Choice, TakingPlan, WrongChoiceError, count_messages, reasons
from operations.dead_letters.queue import DeadLetterQueue, UnknownLaneError
from operations.discovery import NotDeployedError, look_up
from operations.inventory import Inventory
from operations.resources import Resources

_LANE_PARAMETERS = ("dlq-url", "queue-url", "failures-table")
_POLL_SECONDS = 2.0
Action = Literal["inspect", "redrive", "discard", "announce"]
_UNDECIDED = ("expected", "processing")


class DeadLettersReport(BaseModel):
    """What was found and done: a row per message; ``outcomes`` counts the redriven images by their new outcome.

    ``refused`` says why originals were not announced.
    """

    model_config = ConfigDict(frozen=True)

    sentence: str
    messages: list[dict[str, Any]]
    outcomes: dict[str, int] = {}
    refused: list[str] = []
    uri: str = ""


def _run_name() -> str:
    parameters = flow_run.parameters
    return f"{parameters.get('action')} dead letters {parameters.get('lane') or ''}".strip()


@task(task_run_name="list {queue.lane}", **READING)
def list_messages(queue: DeadLetterQueue) -> list[DeadMessage]:
    """Return a lane's dead letters, oldest first, and release them."""
    return queue.messages()


@task(task_run_name="{plan.action} {queue.lane}", **READING)
def take_messages(queue: DeadLetterQueue, plan: TakingPlan) -> list[DeadMessage]:
    """Redrive or discard the listed messages; newer ones are left."""
    take = queue.redrive if plan.action == "redrive" else queue.discard
    return take(plan.includes)


@task(cache_policy=NO_CACHE)
def await_outcomes(inventory: Inventory, image_ids: Sequence[ImageId], seconds: int) -> dict[ImageId, str]:
    """Return the outcomes of images, waiting for them for up to ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        states = {image_id: record.state for image_id, record in inventory.find(image_ids).items()}
        found = {image_id: state for image_id, state in states.items() if state not in _UNDECIDED}
        if len(found) == len(image_ids) or time.monotonic() > deadline:
            return {image_id: found.get(image_id, "in progress") for image_id in image_ids}
        time.sleep(_POLL_SECONDS)


@task(**READING)
def check_originals(announcer: Announcer, names: Sequence[str]) -> tuple[list[Announcement], list[str]]:
    """Return what is to be announced, and why the others are not."""
    return announcer.check_all(names)


@task(**READING)
def announce_originals(announcer: Announcer, announcements: Sequence[Announcement]) -> None:
    """Send each original's lane a message about it; an original announced twice is processed once."""
    for each in announcements:
        announcer.announce(each)


@flow(name="dead-letters", flow_run_name=_run_name, validate_parameters=True, on_running=[take_role])
def dead_letters(
    action: Action = "inspect",
    lane: str | None = None,
    names: list[str] | None = None,
    because: str | None = None,
    everything: bool = False,
    dry_run: bool = True,
    ask_above: int | None = None,
    wait_seconds: int = 120,
    stage: str = DEFAULT_STAGE,
) -> State[DeadLettersReport]:
    """List dead letters with their reasons; redrive or discard them; announce originals again.

    Args:
        action: inspect lists messages; redrive moves them back to their lane's queue; discard deletes them; announce
            sends lanes a new message about the originals in names, by key or image id, and reopens those that were
            rejected as too_costly.
        lane: Only this lane; all lanes if left out.
        names: Only these image ids, keys of originals, or message ids.
        because: Only messages with this text in their reason.
        everything: Redrive every message, without names or a reason.
        dry_run: Only list what would be changed.
        ask_above: Discarding more messages than this requires approval; from the settings if left out.
        wait_seconds: How long to wait for the outcomes of redriven messages.
        stage: Stage to work on, such as dev, staging or production.

    An unknown lane, a stage that is not deployed, and redriving or discarding without a choice of messages end as
    Failed, before anything is changed, as does announcing only what the pipeline has nothing left to do for. Announcing
    completes as SomeRefused if that is true of a part.
    """
    try:
        settings = load_settings(stage=stage)
        resources = Resources.find(settings)
        queues = _queues(resources, None if action == "announce" else lane)
        choice = Choice(frozenset(names or ()), because)
        if action in ("redrive", "discard"):
            choice = Choice.to_take(action, names, because, everything=everything)
    except (SettingsError, NotDeployedError, UnknownLaneError, WrongChoiceError) as error:
        return Failed(message=str(error))
    if action == "announce":
        return _announce(resources, queues, names or [], dry_run=dry_run, wait_seconds=wait_seconds)
    messages = [message for queue in queues for message in list_messages(queue) if choice.includes(message)]
    by_reason = reasons(messages)
    if action == "inspect":
        report = DeadLettersReport(sentence=count_messages(len(messages)), messages=_rows(messages))
        return _finish(resources, report, by_reason)
    plan = TakingPlan(action, messages)
    if dry_run:
        report = DeadLettersReport(sentence=f"dry run: {plan.sentence}", messages=_rows(messages))
        return _finish(resources, report, by_reason)
    try:
        plan.require_approval(
            settings.operations.ask_above if ask_above is None else ask_above, approve_in_ui(settings)
        )
    except NotApprovedError as error:
        return approval_state(error)
    lanes = {message.lane for message in messages}
    taken = [message for queue in queues if queue.lane in lanes for message in take_messages(queue, plan)]
    image_ids = sorted({message.key.image_id for message in taken if message.key})
    became = await_outcomes(resources.inventory(), image_ids, wait_seconds) if action == "redrive" and image_ids else {}
    outcomes = Counter(became.values())
    sentence = f"{plan.done(len(taken))}{_listed(outcomes)}"
    report = DeadLettersReport(sentence=sentence, messages=_rows(taken, became), outcomes=dict(outcomes))
    return _finish(resources, report, by_reason)


def _announce(
    resources: Resources, queues: Sequence[DeadLetterQueue], names: Sequence[str], *, dry_run: bool, wait_seconds: int
) -> State[DeadLettersReport]:
    by_lane = {queue.lane: queue for queue in queues}
    announcer = Announcer(resources.settings, resources.inventory(), resources.images_table(), by_lane)
    try:
        announcements, refused = check_originals(announcer, names)
        if refused and not announcements:
            return Failed(message=_first_of(refused))
        if not dry_run:
            announce_originals(announcer, announcements)
    except (MalformedKeyError, NotAnnouncedError) as error:
        return Failed(message=str(error))
    sentence = f"{len(announcements):,} of {len(announcements) + len(refused):,} originals"
    became: dict[ImageId, str] = {}
    if dry_run:
        sentence = f"dry run: {sentence} would be announced"
    else:
        image_ids = [each.key.image_id for each in announcements]
        became = await_outcomes(resources.inventory(), image_ids, wait_seconds) if image_ids else {}
        sentence = f"{sentence} announced{_listed(Counter(became.values()))}"
    if refused:
        sentence += f"; not announced: {_first_of(refused)}"
    rows = [
        {"image": each.key.image_id, "lane": each.lane, "original": str(each.key), "reopened": each.reopens}
        for each in announcements
    ]
    report = DeadLettersReport(
        sentence=sentence, messages=rows, outcomes=dict(Counter(became.values())), refused=list(refused)
    )
    return _finish(resources, report, [])


def _first_of(refused: Sequence[str]) -> str:
    others = f", and {len(refused) - 1:,} others" if len(refused) > 1 else ""
    return f"{refused[0]}{others}"


def _listed(outcomes: Mapping[str, int]) -> str:
    return f": {', '.join(f'{count:,} {outcome}' for outcome, count in sorted(outcomes.items()))}" if outcomes else ""


def _queues(resources: Resources, lane: str | None) -> list[DeadLetterQueue]:
    settings = resources.settings
    lanes = [lane] if lane else list(settings.lane_names)
    things = [f"lane-{each}-{thing}" for each in lanes if each in settings.lane_names for thing in _LANE_PARAMETERS]
    published = look_up(settings, {thing: thing for thing in things}, settings.regions.primary)
    sqs, dynamodb = resources.client("sqs"), resources.client("dynamodb")
    return [DeadLetterQueue(each, settings, published.__getitem__, sqs, dynamodb) for each in lanes]


def _rows(messages: Sequence[DeadMessage], became: dict[ImageId, str] | None = None) -> list[dict[str, Any]]:
    rows = []
    for message in messages:
        image_id = message.key.image_id if message.key else None
        row = {
            "image": image_id or f"message {message.message_id}",
            "lane": message.lane,
            "sent": f"{message.sent_at:%Y-%m-%d %H:%M} UTC",
            "reason": message.reason,
        }
        rows.append(row | ({"outcome": became.get(image_id, "")} if became and image_id else {}))
    return rows


def _finish(
    resources: Resources, report: DeadLettersReport, by_reason: Sequence[tuple[str, str, int]]
) -> State[DeadLettersReport]:
    ledger, run = resources.ledger("dead-letters"), str(flow_run.id)
    report = report.model_copy(update={"uri": ledger.write(ledger.new_name(run), report.model_dump(exclude={"uri"}))})
    listed = markdown_table(("lane", "reason", "messages"), by_reason) if by_reason else []
    show_summary("dead-letters", report.sentence, listed, description="Messages that failed every try")
    shown = resources.settings.operations.shown_rows
    show_table("dead-letters-list", report.messages, "Every message.", shown=shown, complete=report.uri)
    name = "SomeRefused" if report.refused else "Completed"
    return Completed(name=name, message=report.sentence, data=report)


if __name__ == "__main__":
    sys.exit(run_from_command_line(dead_letters))
