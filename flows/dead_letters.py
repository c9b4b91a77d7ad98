"""Dead letters: list failed messages with their reasons, redrive or discard them, or announce originals again.

Run it from its deployment, or by hand: ``python -m flows.dead_letters --action redrive --because AccessDenied
--no-dry-run``. It can be repeated safely: a redriven message has left the dead-letter queue.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict

from flows.runtime.approval import NotApprovedError, approval_form, require_approval
from flows.runtime.artifacts import markdown_table, show_summary, show_table
from flows.runtime.command_line import run_from_command_line
from flows.runtime.policies import READING
from flows.runtime.role import take_role
from lambdas.core.keys import ImageId, MalformedKeyError
from lambdas.core.settings import DEFAULT_STAGE, SettingsError, load_settings
from operations.dead_letters.announcing import Announcement, Announcer, NotAnnouncedError
from operations.dead_letters.message import DeadMessage
from operations.dead_letters.queue import DeadLetterQueue, UnknownLaneError
from operations.discovery import NotDeployedError, look_up
from operations.inventory import Inventory
from operations.resources import Resources

_LANE_PARAMETERS = ("dlq-url", "queue-url", "failures-table")
_POLL_SECONDS = 2.0
Action = Literal["inspect", "redrive", "discard", "announce"]
_UNDECIDED = ("expected", "processing")
_PAST_TENSE: dict[str, str] = {"redrive": "redriven", "discard": "discarded", "announce": "announced"}


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


@task(task_run_name="{action} {queue.lane}", **READING)
def take_messages(queue: DeadLetterQueue, action: Action, message_ids: frozenset[str]) -> list[DeadMessage]:
    """Redrive or discard the listed messages; newer ones are left."""
    take = queue.redrive if action == "redrive" else queue.discard
    return take(lambda message: message.message_id in message_ids)


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
    found, refused = [], []
    for name in dict.fromkeys(names):
        try:
            found.append(announcer.check(name))
        except NotAnnouncedError as error:
            refused.append(str(error))
    return found, refused


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
        dry_run: Only list what would be changed.
        ask_above: Discarding more messages than this requires approval; from the settings if left out.
        wait_seconds: How long to wait for the outcomes of redriven messages.
        stage: Stage to work on, such as dev, staging or production.

    An unknown lane and a stage that is not deployed end as Failed, before anything is changed, as does announcing
    only what the pipeline has nothing left to do for. Announcing completes as SomeRefused if that is true of a part.
    """
    try:
        settings = load_settings(stage=stage)
        resources = Resources.find(settings)
        queues = _queues(resources, None if action == "announce" else lane)
    except (SettingsError, NotDeployedError, UnknownLaneError) as error:
        return Failed(message=str(error))
    if action == "announce":
        return _announce(resources, queues, names or [], dry_run=dry_run, wait_seconds=wait_seconds)
    chosen = _filter(names, because)
    found = {queue.lane: [each for each in list_messages(queue) if chosen(each)] for queue in queues}
    messages = [message for of_lane in found.values() for message in of_lane]
    reasons = _reasons(messages)
    if action == "inspect" or dry_run:
        sentence = _count(len(messages))
        if action != "inspect":
            sentence = f"dry run: {_count(len(messages))} would be {_PAST_TENSE[action]}"
        return _finish(resources, DeadLettersReport(sentence=sentence, messages=_rows(messages)), reasons)
    limit = settings.operations.ask_above if ask_above is None else ask_above
    if action == "discard" and len(messages) > limit:
        try:
            require_approval(approval_form(_warning(messages, reasons)), settings.operations.approval_seconds)
        except NotApprovedError as error:
            return error.state
    taken = [
        message
        for queue in queues
        if found[queue.lane]
        for message in take_messages(queue, action, frozenset(each.message_id for each in found[queue.lane]))
    ]
    image_ids = sorted({message.key.image_id for message in taken if message.key})
    became = await_outcomes(resources.inventory(), image_ids, wait_seconds) if action == "redrive" and image_ids else {}
    outcomes = Counter(became.values())
    sentence = f"{len(taken):,} of {_count(len(messages))} {_PAST_TENSE[action]}{_listed(outcomes)}"
    report = DeadLettersReport(sentence=sentence, messages=_rows(taken, became), outcomes=dict(outcomes))
    return _finish(resources, report, reasons)


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


def _count(number: int) -> str:
    return f"{number:,} dead letter{'' if number == 1 else 's'}"


def _queues(resources: Resources, lane: str | None) -> list[DeadLetterQueue]:
    settings = resources.settings
    lanes = [lane] if lane else list(settings.lane_names)
    things = [f"lane-{each}-{thing}" for each in lanes if each in settings.lane_names for thing in _LANE_PARAMETERS]
    published = look_up(settings, {thing: thing for thing in things}, settings.regions.primary)
    sqs, dynamodb = resources.client("sqs"), resources.client("dynamodb")
    return [DeadLetterQueue(each, settings, published.__getitem__, sqs, dynamodb) for each in lanes]


def _filter(names: list[str] | None, because: str | None) -> Callable[[DeadMessage], bool]:
    def chosen(message: DeadMessage) -> bool:
        named = not names or any(message.is_named(name) for name in names)
        return named and (because is None or because in message.reason)

    return chosen


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


def _reasons(messages: Sequence[DeadMessage]) -> list[tuple[str, str, int]]:
    """Return the number of messages by lane, step and error, the most frequent first."""
    counted = Counter(
        (message.lane, f"{message.failure.step}: {message.failure.error}" if message.failure else message.reason)
        for message in messages
    )
    return [(lane, reason, count) for (lane, reason), count in counted.most_common()]


def _warning(messages: Sequence[DeadMessage], reasons: Sequence[tuple[str, str, int]]) -> str:
    listed = "\n".join(f"- {count:,} of {lane}: {reason}" for lane, reason, count in reasons[:10])
    return (
        f"**{len(messages):,} messages will be deleted permanently.** Their originals stay, without an outcome."
        f"\n\n{listed}"
    )


def _finish(
    resources: Resources, report: DeadLettersReport, reasons: Sequence[tuple[str, str, int]]
) -> State[DeadLettersReport]:
    ledger, run = resources.ledger("dead-letters"), str(flow_run.id)
    report = report.model_copy(update={"uri": ledger.write(ledger.new_name(run), report.model_dump(exclude={"uri"}))})
    by_reason = markdown_table(("lane", "reason", "messages"), reasons) if reasons else []
    show_summary("dead-letters", report.sentence, by_reason, description="Messages that failed every try")
    shown = resources.settings.operations.shown_rows
    show_table("dead-letters-list", report.messages, "Every message.", shown=shown, complete=report.uri)
    name = "SomeRefused" if report.refused else "Completed"
    return Completed(name=name, message=report.sentence, data=report)


if __name__ == "__main__":
    sys.exit(run_from_command_line(dead_letters))
