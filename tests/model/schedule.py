"""Plays schedules: from a beginning, by choices, until everything has come to rest, and checks what must hold then."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast
from unittest import mock
from uuid import UUID

from actors import (
    CROP,
    EAGER,
    LAZY,
    REPLICATION_SECONDS,
    api_event,
    deliver,
    focus_version_of,
    post,
    replicate,
    row_of,
    state_of,
    view,
)
from scheduler import Actor, Choices, GivenChoices
from world import (
    CONTENTS,
    DERIVATIVES,
    ORIGINALS,
    REPLICA,
    Context,
    Message,
    World,
    content_of,
    entered,
    function_handler,
)

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.render import render

Start = Literal["signed", "arrived", "ready", "form signed", "form arrived", "form ready"]
"""How far a picture is, and whether its upload is a PUT, which S3 takes once, or a form, which it takes often."""
Client = Callable[[World], Any]
_MAX_RECEIVES = 5
_MAX_STEPS = 2000


class ViolationError(AssertionError):
    """An invariant does not hold: the message says which, and how it came to that."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How many of the moves that do harm a schedule may have."""

    crashes: int = 0
    duplicates: int = 0
    jumps: int = 0
    stale_reads: int = 0


NONE = Budget()

# ---- Beginnings


@cache
def _beginning(start: Start) -> tuple[Any, Any, str, dict[str, Any]]:
    """Return a snapshot of the world where an upload was signed, has arrived, or is ready."""
    world = World(GivenChoices(()))
    with entered(world):
        form, stage = start.startswith("form "), start.removeprefix("form ")
        if stage == "signed":
            request = {"content_type": "image/png", "bytes": len(CONTENTS["red"]), "form": form}
            with mock.patch("lambdas.core.keys.uuid.uuid4", return_value=UUID(int=0xA0)):  # the same in every process
                answer = function_handler("upload_api")(api_event("POST", "/uploads", request), Context(30))
            if answer["statusCode"] != 201:
                raise RuntimeError(f"expected a signed upload but received {answer}")
            world.upload = json.loads(answer["body"])
            world.image_id = world.upload["image_id"]
        else:
            before = "signed" if stage == "arrived" else "arrived"
            _restore(world, cast(Start, f"form {before}" if form else before))
            if stage == "arrived":
                post("red")(world)
            else:
                _rest(world, NONE)
        messages = [(m.queue, m.body) for m in world.messages if not m.settled]
        return world.s3.snapshot(), world.dynamodb.snapshot(), world.image_id, {"upload": world.upload, "m": messages}


def _restore(world: World, start: Start) -> None:
    s3, dynamodb, world.image_id, rest = _beginning(start)
    world.upload = rest["upload"]
    world.s3.restore(s3)
    world.dynamodb.restore(dynamodb)
    for queue, body in rest["m"]:
        world.send(queue, body, 0)


@contextmanager
def begun(start: Start, choices: Choices | None = None) -> Iterator[World]:
    """Enter a world of its own that begins at ``start``."""
    _beginning(start)
    world = World(choices or GivenChoices(()))
    with entered(world):
        _restore(world, start)
        yield world


# ---- Playing


def client(world: World, act: Client, name: str) -> Actor:
    """Start a client: it does nothing before it is first chosen."""

    def run() -> Any:
        world.act(f"{name} begins", (), lambda: None)
        return act(world)

    return world.scheduler.spawn(f"{name}-{world.number(name)}", run)


def _deliverable(world: World) -> list[Message]:
    now = world.now.timestamp()
    due = []
    for message in world.messages:
        if message.settled or message.visible_at > now:
            continue
        if message.received >= _MAX_RECEIVES:
            message.settled = True
            world.dead_letters.append(message)
            world.note(f"message-{message.number} goes to the dead letters")
            continue
        due.append(message)
    return due


def play(world: World, clients: Sequence[tuple[str, Client]], budget: Budget) -> None:
    """Run clients beside the pipeline by the world's choices, until everything has come to rest.

    Some clients wait until all before them has come to rest.
    """
    held = []
    for name, act in clients:
        if world.choices.choose(3) == 2:
            held.append((name, act))
        else:
            client(world, act, name)
    world.stale_reads = budget.stale_reads
    _rest(world, budget, held)


def _rest(world: World, budget: Budget, held: Sequence[tuple[str, Client]] = ()) -> None:
    scheduler, choices = world.scheduler, world.choices
    waiting = list(held)
    crashes, duplicates, jumps = budget.crashes, budget.duplicates, budget.jumps
    last: Actor | None = None
    scheduler.advance()
    for _ in range(_MAX_STEPS):
        runnable = scheduler.runnable()
        if last in runnable:
            runnable.remove(last)
            runnable.insert(0, last)
        due = _deliverable(world)
        if (crashes or duplicates or jumps) and choices.chance(0.06):
            kind = choices.choose(4)
            mortal = [actor for actor in runnable if actor.crashes]
            if kind <= 1 and crashes and mortal:
                crashes -= 1
                victim = mortal[choices.choose(len(mortal))]
                if kind == 0:
                    world.note(f"{victim} dies before {victim.call.text if victim.call else ''}")
                    scheduler.kill(victim)
                else:
                    world.note(f"{victim}: {victim.call.text if victim.call else ''}, and dies")
                    scheduler.step(victim, dies=True)
                continue
            if kind == 2 and duplicates and world.messages:
                duplicates -= 1
                again = world.messages[choices.choose(len(world.messages))]
                if again.received:
                    world.note(f"message-{again.number} is delivered again")
                    deliver(world, again)
                    scheduler.advance()
                    continue
            if kind == 3 and jumps:
                jumps -= 1
                world.move_clock((1, 30, 250, 1000)[choices.choose(4)])
                scheduler.advance()
                continue
        if runnable or due:
            chosen = choices.choose(len(runnable) + len(due))
            if chosen < len(runnable):
                last = runnable[chosen]
                world.note(f"{last}: {last.call.text if last.call else ''}")
                scheduler.step(last)
            else:
                message = due[chosen - len(runnable)]
                world.note(f"message-{message.number} is delivered")
                deliver(world, message)
                scheduler.advance()
            continue
        if world.replications:
            world.scheduler.spawn(
                f"replication-{world.number('replication')}",
                lambda: replicate(world),
                deadline=world.now.timestamp() + REPLICATION_SECONDS,
            )
            scheduler.advance()
            continue
        if waiting:
            name, act = waiting.pop(0)
            client(world, act, name)
            scheduler.advance()
            continue
        later = [message.visible_at for message in world.messages if not message.settled]
        if not later:
            return
        world.move_clock(max(0.0, min(later) - world.now.timestamp()))
        scheduler.advance()
    raise ViolationError("expected the schedule to come to rest but it goes on\n" + explain(world))


def run_until(world: World, owner: Actor, text: str) -> Actor:
    """Let ``owner`` and what it starts run until one of them is about to make a call with ``text`` in it."""
    for _ in range(_MAX_STEPS):
        world.scheduler.advance()
        mine = [each for each in world.scheduler.runnable() if each.name.split("/")[0] == owner.name]
        found = next((each for each in mine if each.call and text in each.call.text), None)
        if found is not None:
            return found
        if not mine:
            break
        world.note(f"{mine[0]}: {mine[0].call.text if mine[0].call else ''}")
        world.scheduler.step(mine[0])
    raise AssertionError(f"expected {owner} to come to a call with {text!r} but it did not\n{explain(world)}")


def run_to_end(world: World, owner: Actor) -> Actor:
    """Let ``owner`` and what it starts run to their end, and nobody else."""
    for _ in range(_MAX_STEPS):
        world.scheduler.advance()
        mine = [each for each in world.scheduler.runnable() if each.name.split("/")[0] == owner.name]
        if not mine:
            return owner
        world.note(f"{mine[0]}: {mine[0].call.text if mine[0].call else ''}")
        world.scheduler.step(mine[0])
    raise AssertionError(f"expected {owner} to end but it goes on")


def deliver_next(world: World) -> Actor | None:
    """Deliver the first message that is due, if there is one."""
    due = _deliverable(world)
    if not due:
        return None
    message = due[0]
    world.note(f"message-{message.number} is delivered")
    return deliver(world, message)


def settle(world: World) -> None:
    """Bring everything to rest without any further harm."""
    given, world.choices = world.choices, GivenChoices(())
    world.stale_reads = 0
    _rest(world, NONE)
    world.choices = given


# ---- What must hold in the end


def explain(world: World) -> str:
    """Return the steps of a schedule."""
    return "\n".join(f"  {number:3} {step}" for number, step in enumerate(world.trace, 1))


@cache
def _drawings() -> dict[bytes, str]:
    """Return which original each derivative's bytes come from."""
    settings = load_settings()
    variants = [Variant.parse(each) for each in (EAGER, "16x0.webp", LAZY, CROP)]
    return {
        drawn.data: name
        for name in ("red", "blue")
        for variant in variants
        for drawn in render(CONTENTS[name], [variant], settings)
    }


def shown_before_the_sweep(world: World) -> list[str]:
    """Return what is still to be seen of what is unwanted when all that was under way has ended, without a crash."""
    if not _is_removed(world):
        return [each for each in _old_crops(world) if DERIVATIVES in each] if state_of(world) == "ready" else []
    keys = [key for key in world.s3.buckets[DERIVATIVES] if world.s3.current(DERIVATIVES, key)]
    return [f"a removed picture is to be seen until the sweep: {key}" for key in keys]


def violations(world: World) -> list[str]:
    """Return which invariants do not hold, once everything has come to rest.

    Then lifecycle rules do their work, and the edge is asked again.
    """
    if world.defects:
        raise RuntimeError(f"the model failed: {world.defects[0]}")
    found = list(_now_violated(world))
    days = load_settings().storage.noncurrent_days
    given, world.choices = world.choices, GivenChoices(())
    world.move_clock((days + 1) * 86_400)
    world.s3.expire_noncurrent(days)
    world.dynamodb.expire()
    removed, ready = _is_removed(world), state_of(world) == "ready"
    for variant in (EAGER, LAZY, CROP):
        asked = client(world, view(variant), "late viewer")
        _rest(world, NONE)
        if asked.error is not None:
            found.append(f"a viewer of {variant} gets an error in the end: {asked.error!r}")
        elif removed and asked.value != 404:
            found.append(f"a removed picture answers {asked.value} for {variant} in the end")
        elif ready and asked.value != 200:
            found.append(f"a ready picture answers {asked.value} for {variant} after the lifecycle rules")
    if removed:
        found += _left_over(world)
    elif ready:
        found += _wrong_bytes(world)
        found += _old_crops(world)
    world.choices = given
    return list(dict.fromkeys(found))


def _is_removed(world: World) -> bool:
    return world.taken_down.get(world.image_id) == 200


def _now_violated(world: World) -> Iterator[str]:
    state, asked = state_of(world), world.taken_down.get(world.image_id)
    arrived = bool(list(world.s3.versions(ORIGINALS)))
    if asked is not None and asked != 200:
        yield f"a takedown was answered with {asked}"
    if _is_removed(world):
        yield from _left_over(world)
        yield from (
            f"a removed picture is in the edge's cache: {path}"
            for path, held in world.cache.items()
            if held.status == 200
        )
        if state not in ("none", "removed"):
            yield f"a removed picture is {state}"
    elif state == "ready":
        yield from _wrong_bytes(world)
        yield from _old_crops(world)
        early = [path for path, status, then in world.views if status == 404 and then != "ready"]
        yield from (f"a picture that was not ready yet was answered with 404: {path}" for path in early)
    elif state == "rejected":
        if left := [v.key for v in world.s3.versions(DERIVATIVES) if world.s3.current(DERIVATIVES, v.key)]:
            yield f"a rejected picture has derivatives: {sorted(set(left))}"
    elif arrived:
        yield f"an original has arrived but its picture is in the state {state}"
    if world.dead_letters:
        yield f"{len(world.dead_letters)} messages are dead letters"
    yield from _drawn_twice(world)


def _left_over(world: World) -> Iterator[str]:
    for bucket in (ORIGINALS, DERIVATIVES, REPLICA):
        if left := sorted({version.key for version in world.s3.versions(bucket) if not version.is_marker}):
            yield f"a removed picture has objects in {bucket}: {left}"


def _wrong_bytes(world: World) -> Iterator[str]:
    row = row_of(world) or {}
    recorded = row["original"]["M"]["etag"]["S"]
    names = {each: content_of(data) for each, data in _etags().items()}
    wanted = names.get(recorded, "unknown bytes")
    for bucket in (DERIVATIVES, REPLICA):
        for key in list(world.s3.buckets[bucket]):
            version = world.s3.current(bucket, key)
            drawn_from = _drawings().get(version.data or b"", "unknown") if version else wanted
            if drawn_from != wanted:
                yield f"{key} in {bucket} shows {drawn_from} but {wanted} is recorded"
    for path, held in world.cache.items():
        if held.status == 200 and (drawn_from := _drawings().get(held.body, "unknown")) != wanted:
            yield f"the edge has {path} of {drawn_from} but {wanted} is recorded"
    for variant in row.get("derivatives", {}).get("M", {}):
        if world.s3.current(DERIVATIVES, f"{world.image_id}/{variant}") is None:
            yield f"the derivative {variant} is recorded but does not exist"


def _old_crops(world: World) -> Iterator[str]:
    wanted = int(((row_of(world) or {}).get("focus_version") or {"N": "0"})["N"])
    shown = {f"{b} has {key}": world.s3.current(b, key) for b in (DERIVATIVES, REPLICA) for key in world.s3.buckets[b]}
    held = {where: focus_version_of(version) for where, version in shown.items() if version}
    held |= {f"the edge has {path}": each.focus_version for path, each in world.cache.items() if each.status == 200}
    yield from (
        f"{where} of focus {version} but {wanted} is recorded"
        for where, version in held.items()
        if where.endswith(CROP) and version != wanted
    )


@cache
def _etags() -> dict[str, bytes]:
    return {hashlib.md5(data, usedforsecurity=False).hexdigest(): data for data in CONTENTS.values()}


def _drawn_twice(world: World) -> Iterator[str]:
    by: dict[str, str] = {}
    for execution, key, finished in world.drawn:
        if not execution.startswith("execution"):
            continue
        first = by.setdefault(key, execution)
        if first != execution and first in finished:
            yield f"{key} was drawn by {first}, which had finished it, and again by {execution}"


def check(world: World) -> None:
    """Raise unless every invariant holds.

    Raises:
        ViolationError: one does not; the message has the schedule.
    """
    found = violations(world)
    if found:
        raise ViolationError("\n".join([*found, "after:", explain(world)]))
