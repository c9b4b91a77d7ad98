"""What no try could finish: listed with the reason, sent back and followed to its outcome, or discarded.

Run by Prefect from its deployment, or by hand: ``python -m flows.dead_letters --action redrive --because AccessDenied
--no-dry-run``. May be run again: a letter that was sent back is gone from the dead letters.
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

from flows.runtime.approval import NotApprovedError, ask, question_about
from flows.runtime.artifacts import markdown_table, show_rows, show_story
from flows.runtime.command_line import run_from_command_line
from flows.runtime.retries import READING
from lambdas.core.keys import ImageId, MalformedKeyError, OriginalKey
from lambdas.core.settings import (
    DEFAULT_STAGE,
    Settings,
    SettingsError,
    load_settings,
)
from operations.dead_letters.announcing import announcement, lane_of
from operations.dead_letters.dead_letter import DeadLetter
from operations.dead_letters.dead_letters import DeadLetterQueue, UnknownLaneError
from operations.discovery import NotDeployedError, look_up
from operations.inventory import Inventory
from operations.resources import Places

_LANE_THINGS = ("dlq-url", "queue-url", "failures-table")
_POLL_SECONDS = 2.0
Action = Literal["inspect", "redrive", "discard", "announce"]
_PAST: dict[str, str] = {"redrive": "sent back", "discard": "discarded", "announce": "announced"}


class DeadLettersReport(BaseModel):
    """What was found and done: a row a letter; ``outcomes`` are the images sent back, by what became of them."""

    model_config = ConfigDict(frozen=True)

    sentence: str
    letters: list[dict[str, Any]]
    outcomes: dict[str, int] = {}
    uri: str = ""


def _run_name() -> str:
    parameters = flow_run.parameters
    return f"{parameters.get('action')} dead letters {parameters.get('lane') or ''}".strip()


@task(task_run_name="look into {queue.lane}", **READING)
def list_letters(queue: DeadLetterQueue) -> list[DeadLetter]:
    """Return a lane's dead letters, oldest first, and let them go again."""
    return queue.letters()


@task(task_run_name="{action} {queue.lane}", **READING)
def take_letters(queue: DeadLetterQueue, action: Action, message_ids: frozenset[str]) -> list[DeadLetter]:
    """Send back or discard the letters that were listed; those that came since are left."""
    take = queue.send_back if action == "redrive" else queue.discard
    return take(lambda letter: letter.message_id in message_ids)


@task(cache_policy=NO_CACHE)
def await_outcomes(inventory: Inventory, image_ids: Sequence[ImageId], seconds: int) -> dict[ImageId, str]:
    """Return what became of images that were sent back, as far as it is known after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        records = inventory.find(image_ids)
        if len(records) == len(image_ids) or time.monotonic() > deadline:
            return {
                image_id: ("ready" if records[image_id].ready else "rejected") if image_id in records else "under way"
                for image_id in image_ids
            }
        time.sleep(_POLL_SECONDS)


@flow(name="dead-letters", flow_run_name=_run_name, validate_parameters=True)
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
    """List dead letters with their reasons; send them back to be tried again, or discard them.

    Args:
        action: inspect lists them; redrive puts them into their lane's queue again; discard deletes the messages;
            announce tells lanes of originals that no message speaks of any more, by their keys in names.
        lane: of this lane only; of every lane if left out.
        names: only these: image ids, keys of originals, or message ids.
        because: only those whose reason contains this.
        dry_run: only list what would be sent back or discarded.
        ask_above: more letters than this are discarded only after somebody approved; as in the settings if left out.
        wait_seconds: how long to wait for the outcome of what was sent back.
        stage: of which platform: dev, staging, production …

    A lane that the settings do not name and a stage that is not deployed end as Failed, before anything is changed.
    """
    try:
        settings = load_settings(stage=stage)
        places = Places.find(settings)
        queues = _queues(places, lane)
    except (SettingsError, NotDeployedError, UnknownLaneError) as error:
        return Failed(message=str(error))
    if action == "announce":
        return _announce(places, _queues(places, None), names or [], dry_run=dry_run, wait_seconds=wait_seconds)
    chosen = _choice(names, because)
    found = {queue.lane: [each for each in list_letters(queue) if chosen(each)] for queue in queues}
    letters = [letter for of_lane in found.values() for letter in of_lane]
    reasons = _reasons(letters)
    if action == "inspect" or dry_run:
        sentence = _letters(len(letters))
        if action != "inspect":
            sentence = f"dry run: {_letters(len(letters))} would be {_PAST[action]}"
        return _finish(places, DeadLettersReport(sentence=sentence, letters=_rows(letters)), reasons)
    limit = settings.operations.ask_above if ask_above is None else ask_above
    if action == "discard" and len(letters) > limit:
        try:
            ask(question_about(_warning(letters, reasons)), settings.operations.approval_seconds)
        except NotApprovedError as error:
            return error.state
    taken = [
        letter
        for queue in queues
        if found[queue.lane]
        for letter in take_letters(queue, action, frozenset(each.message_id for each in found[queue.lane]))
    ]
    image_ids = sorted({letter.key.image_id for letter in taken if letter.key})
    became = await_outcomes(places.inventory(), image_ids, wait_seconds) if action == "redrive" and image_ids else {}
    outcomes = Counter(became.values())
    sentence = f"{len(taken):,} of {_letters(len(letters))} {_PAST[action]}{_told(outcomes)}"
    report = DeadLettersReport(sentence=sentence, letters=_rows(taken, became), outcomes=dict(outcomes))
    return _finish(places, report, reasons)


@task(**READING)
def announce_originals(queues: dict[str, DeadLetterQueue], places: Places, keys: Sequence[OriginalKey]) -> None:
    """Tell each original's lane of it; one that is told twice is drawn once."""
    s3 = places.client("s3")
    for key in keys:
        queues[lane_of(places.settings, key.tenant)].announce(announcement(s3, places.originals, key))


def _announce(
    places: Places, queues: Sequence[DeadLetterQueue], names: Sequence[str], *, dry_run: bool, wait_seconds: int
) -> State[DeadLettersReport]:
    try:
        keys = [OriginalKey.parse(name) for name in names]
    except MalformedKeyError as error:
        return Failed(message=str(error))
    rows = [{"image": key.image_id, "lane": lane_of(places.settings, key.tenant), "original": str(key)} for key in keys]
    if dry_run:
        sentence = f"dry run: {len(keys):,} of {len(names):,} originals would be announced"
        return _finish(places, DeadLettersReport(sentence=sentence, letters=rows), [])
    announce_originals({queue.lane: queue for queue in queues}, places, keys)
    became = await_outcomes(places.inventory(), [key.image_id for key in keys], wait_seconds) if keys else {}
    outcomes = Counter(became.values())
    sentence = f"{len(keys):,} of {len(names):,} originals announced{_told(outcomes)}"
    return _finish(places, DeadLettersReport(sentence=sentence, letters=rows, outcomes=dict(outcomes)), [])


def _told(outcomes: Mapping[str, int]) -> str:
    return f": {', '.join(f'{count:,} {outcome}' for outcome, count in sorted(outcomes.items()))}" if outcomes else ""


def _letters(number: int) -> str:
    return f"{number:,} dead letter{'' if number == 1 else 's'}"


def _queues(places: Places, lane: str | None) -> list[DeadLetterQueue]:
    settings = places.settings
    lanes = [lane] if lane else list(settings.lane_names)
    published = _published(settings, [each for each in lanes if each in settings.lane_names])
    sqs, dynamodb = places.client("sqs"), places.client("dynamodb")
    return [DeadLetterQueue(each, settings, published.__getitem__, sqs, dynamodb) for each in lanes]


def _published(settings: Settings, lanes: Sequence[str]) -> dict[str, str]:
    things = [f"lane-{lane}-{thing}" for lane in lanes for thing in _LANE_THINGS]
    return look_up(settings, {thing: thing for thing in things}, settings.regions.primary)


def _choice(names: list[str] | None, because: str | None) -> Callable[[DeadLetter], bool]:
    def chosen(letter: DeadLetter) -> bool:
        named = not names or any(letter.is_named(name) for name in names)
        return named and (because is None or because in letter.reason)

    return chosen


def _rows(letters: Sequence[DeadLetter], became: dict[ImageId, str] | None = None) -> list[dict[str, Any]]:
    rows = []
    for letter in letters:
        image_id = letter.key.image_id if letter.key else None
        row = {
            "image": image_id or f"message {letter.message_id}",
            "lane": letter.lane,
            "sent": f"{letter.sent_at:%Y-%m-%d %H:%M} UTC",
            "reason": letter.reason,
        }
        rows.append(row | ({"became": became.get(image_id, "")} if became and image_id else {}))
    return rows


def _reasons(letters: Sequence[DeadLetter]) -> list[tuple[str, str, int]]:
    """Return how many letters there are of each lane, step and error, the most first."""
    counted = Counter(
        (letter.lane, f"{letter.failure.step}: {letter.failure.error}" if letter.failure else letter.reason)
        for letter in letters
    )
    return [(lane, reason, count) for (lane, reason), count in counted.most_common()]


def _warning(letters: Sequence[DeadLetter], reasons: Sequence[tuple[str, str, int]]) -> str:
    listed = "\n".join(f"- {count:,} of {lane}: {reason}" for lane, reason, count in reasons[:10])
    return f"**{len(letters):,} messages will be deleted for good.** Their originals stay, without outcome.\n\n{listed}"


def _finish(
    places: Places, report: DeadLettersReport, reasons: Sequence[tuple[str, str, int]]
) -> State[DeadLettersReport]:
    ledger, run = places.ledger("dead-letters"), str(flow_run.id)
    report = report.model_copy(update={"uri": ledger.write(ledger.new_name(run), report.model_dump(exclude={"uri"}))})
    by_reason = markdown_table(("lane", "reason", "letters"), reasons) if reasons else []
    show_story("dead-letters", report.sentence, by_reason, what="What no try could finish")
    shown = places.settings.operations.shown_rows
    show_rows("dead-letters-list", report.letters, "Every letter.", shown=shown, whole=report.uri)
    return Completed(message=report.sentence, data=report)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow from a command line and return the exit status."""
    return run_from_command_line(dead_letters, arguments)


if __name__ == "__main__":
    sys.exit(main())
