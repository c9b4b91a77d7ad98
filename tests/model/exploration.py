"""Looks for schedules that break an invariant: at random by seed, and every order of two actors' calls."""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from actors import CROP, EAGER, LAZY, backfill, deliver, post, refocus, take_down, view
from schedule import (
    Budget,
    Client,
    Start,
    ViolationError,
    begun,
    client,
    deliver_next,
    explain,
    play,
    settle,
    shown_before_the_sweep,
    violations,
)
from scheduler import Actor, Call, Choices, GivenChoices, RandomChoices
from world import World

CLIENTS: Mapping[str, Client] = {
    "takedown": take_down,
    "another takedown": take_down,
    "client with the same bytes": post("red"),
    "client with other bytes": post("blue"),
    "client with no picture": post("no picture"),
    "client with a broken picture": post("broken"),
    "viewer of an eager variant": view(EAGER),
    "viewer of a lazy variant": view(LAZY),
    "another viewer of a lazy variant": view(LAZY),
    "backfill": backfill,
    "viewer of a crop": view(CROP),
    "client with a focus": refocus(0.1),
    "client with another focus": refocus(0.9),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What takes part in a schedule."""

    start: Start
    clients: tuple[str, ...]
    budget: Budget

    @classmethod
    def of(cls, seed: int) -> "Plan":
        """Return the plan of a seed."""
        random = Random(f"plan {seed}")
        starts: tuple[Start, ...] = ("signed", "arrived", "ready", "form signed", "form arrived", "form ready")
        clients = random.sample(list(CLIENTS), random.choice((1, 2, 2, 3, 4)))
        budget = Budget(
            crashes=random.choice((0, 0, 1, 2)),
            duplicates=random.choice((0, 1, 1)),
            jumps=random.choice((0, 0, 1)),
            stale_reads=random.choice((0, 0, 1)),
        )
        return cls(random.choice(starts), tuple(clients), budget)


@dataclass(frozen=True, slots=True)
class Found:
    """A schedule that breaks invariants."""

    plan: Plan
    choices: tuple[int, ...]
    broken: tuple[str, ...]
    steps: str

    def __str__(self) -> str:
        return "\n".join([*self.broken, f"{self.plan}", f"choices {list(self.choices)}", self.steps])


def run(plan: Plan, choices: Choices) -> Found | None:
    """Play one schedule; return it if it breaks an invariant."""
    with begun(plan.start, choices) as world:
        try:
            play(world, [(name, CLIENTS[name]) for name in plan.clients], plan.budget)
            settle(world)
            steps, made = explain(world), tuple(choices.made)
            broken = violations(world)
        except ViolationError as error:
            return Found(plan, tuple(choices.made), (str(error).partition("\n")[0],), explain(world))
    return Found(plan, made, tuple(broken), steps) if broken else None


def run_seed(seed: int) -> Found | None:
    """Play the schedule of a seed."""
    return run(Plan.of(seed), RandomChoices(seed))


def shortened(found: Found) -> Found:
    """Return a duller schedule that breaks an invariant too: fewer clients, less harm, fewer switches."""
    best = found
    for name in best.plan.clients:
        fewer = Plan(best.plan.start, tuple(each for each in best.plan.clients if each != name), best.plan.budget)
        for seed in range(20):
            if again := run(fewer, RandomChoices(f"fewer {seed}")):
                best = again
                break
    size = max(1, len(best.choices) // 2)
    while size:
        place = 0
        while place < len(best.choices):
            duller = (*best.choices[:place], *(0,) * size, *best.choices[place + size :])
            again = run(best.plan, GivenChoices(duller)) if any(best.choices[place : place + size]) else None
            if again:
                last = max((number for number, each in enumerate(again.choices, 1) if each), default=0)
                best = Found(again.plan, again.choices[:last], again.broken, again.steps)
            place += size
        size //= 2
    return best


def first_found(seeds: Iterable[int]) -> tuple[int, Found] | None:
    """Play the schedule of each seed; return the first that breaks an invariant, and its seed."""
    with _few_collections():
        return next(((seed, found) for seed in seeds if (found := run_seed(seed))), None)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Collect garbage more seldom: each schedule leaves some thousand objects, in a process that has a million."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


# ---- Every order


@dataclass(slots=True)
class _Node:
    """A point of a schedule: who may go on, whom it is no use to run, and who has been run."""

    calls: dict[str, Call]
    sleeping: dict[str, Call]
    chosen: str


Starts = Callable[[World], Sequence[Actor]]


def every_order(start: Start, starts: Starts) -> Iterator[tuple[bool, list[str], World]]:
    """Play every order of the calls of what ``starts`` starts, until all of it has ended.

    Of orders that differ only in calls that touch different things, or that only read, one is played: with sleep sets
    (Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", chapter 5). Yield whether
    the order was played to its end, or left because another one stands for it; and the world, which may be settled.
    """
    path: list[_Node] = []
    while True:
        with begun(start) as world:
            starts(world)
            world.scheduler.advance()
            complete = _follow(world, path)
            yield complete, [node.chosen for node in path], world
        while path:
            node = path[-1]
            node.sleeping[node.chosen] = node.calls[node.chosen]
            rest = [name for name in node.calls if name not in node.sleeping]
            if rest:
                node.chosen = rest[0]
                break
            path.pop()
        if not path:
            return


def _follow(world: World, path: list[_Node]) -> bool:
    """Play the schedule of ``path``, then its continuation in which nobody sleeps; append to ``path``."""
    depth = 0
    while runnable := {each.name: each for each in world.scheduler.runnable()}:
        if depth == len(path):
            before = path[-1] if path else None
            sleeping: dict[str, Call] = {}
            if before is not None:
                made = before.calls[before.chosen]
                sleeping = {name: call for name, call in before.sleeping.items() if not call.conflicts(made)}
            calls = {name: each.call for name, each in runnable.items() if each.call is not None}
            awake = [name for name in calls if name not in sleeping]
            if not awake:
                return False
            path.append(_Node(calls, sleeping, awake[0]))
        node = path[depth]
        actor = runnable[node.chosen]
        if actor.call != node.calls[node.chosen]:
            raise RuntimeError(f"expected {node.calls[node.chosen]} as before but received {actor.call}")
        world.note(f"{actor}: {node.calls[node.chosen].text}")
        world.scheduler.step(actor)
        depth += 1
    return True


def check_every_order(start: Start, starts: Starts, limit: int) -> tuple[int, list[str]]:
    """Play every order, settle and check each; return how many, and the first that breaks an invariant.

    Raises:
        RuntimeError: there are more than ``limit``.
    """
    count = 0
    for complete, _path, world in every_order(start, starts):
        if not complete:
            continue
        count += 1
        if count > limit:
            raise RuntimeError(f"expected at most {limit} orders but there are more")
        early = shown_before_the_sweep(world)
        settle(world)
        if broken := [*early, *violations(world)]:
            return count, [*broken, explain(world)]
    return count, []


def check_every_crash(start: Start, starts: Starts) -> tuple[int, list[str]]:
    """Let what ``starts`` starts crash once, before and after each of its calls; return as ``check_every_order``."""
    count, place = 0, 0
    while True:
        for after in (False, True):
            with begun(start) as world:
                starts(world)
                world.scheduler.advance()
                if not _crash(world, place, after=after):
                    return count, []
                count += 1
                settle(world)
                if broken := violations(world):
                    return count, [*broken, explain(world)]
        place += 1


def _crash(world: World, place: int, *, after: bool) -> bool:
    """Run to the call number ``place`` of those that may crash, and crash there; return whether there is one."""
    passed = 0
    while True:
        runnable = world.scheduler.runnable()
        if not runnable:
            if deliver_next(world) is None:
                return False
            world.scheduler.advance()
            continue
        actor = runnable[0]
        text = actor.call.text if actor.call else ""
        if actor.crashes and passed == place:
            world.note(f"{actor}: {text}, and dies" if after else f"{actor} dies before {text}")
            if after:
                world.scheduler.step(actor, dies=True)
            else:
                world.scheduler.kill(actor)
            return True
        passed += actor.crashes
        world.note(f"{actor}: {text}")
        world.scheduler.step(actor)


def of(*names: str, executions: int = 0) -> Starts:
    """Return what starts clients by name, and executions of the first message."""

    def begin(world: World) -> list[Actor]:
        started = [deliver(world, world.messages[0]) for _ in range(executions)]
        return [*started, *(client(world, CLIENTS[name], name) for name in names)]

    return begin


PAIRS: Mapping[str, tuple[Start, Starts]] = {
    "takedown and pipeline": ("arrived", of("takedown", executions=1)),
    "takedown and lazy variant": ("ready", of("takedown", "viewer of a lazy variant")),
    "takedown and backfill": ("ready", of("takedown", "backfill")),
    "takedown and takedown": ("ready", of("takedown", "another takedown")),
    "takedown and the same bytes": ("form signed", of("takedown", "client with the same bytes")),
    "pipeline and pipeline": ("arrived", of(executions=2)),
    "pipeline and viewer": ("arrived", of("viewer of an eager variant", executions=1)),
    "pipeline and other bytes": ("form arrived", of("client with other bytes", executions=1)),
    "pipeline and the same bytes": ("form arrived", of("client with the same bytes", executions=1)),
    "lazy variant twice": ("ready", of("viewer of a lazy variant", "another viewer of a lazy variant")),
    "focus and pipeline": ("arrived", of("client with a focus", executions=1)),
    "focus and crop": ("ready", of("client with a focus", "viewer of a crop")),
    "focus and backfill": ("ready", of("client with a focus", "backfill")),
    "focus and takedown": ("ready", of("client with a focus", "takedown")),
    "focus and focus": ("ready", of("client with a focus", "client with another focus")),
    "lazy variant and backfill": ("ready", of("viewer of a lazy variant", "backfill")),
}

ALONE: Mapping[str, tuple[Start, Starts]] = {
    "pipeline": ("arrived", of(executions=1)),
    "two deliveries": ("arrived", of(executions=2)),
    "takedown": ("ready", of("takedown")),
    "takedown of what is not ready": ("arrived", of("takedown")),
    "viewer": ("ready", of("viewer of a lazy variant")),
    "viewer of a crop": ("ready", of("viewer of a crop")),
    "focus": ("ready", of("client with a focus")),
    "early viewer": ("arrived", of("viewer of an eager variant")),
    "backfill": ("ready", of("backfill")),
    "the same bytes again": ("form ready", of("client with the same bytes")),
    "other bytes": ("form ready", of("client with other bytes")),
}
