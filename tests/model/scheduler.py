"""A deterministic scheduler of actors that stop at each call to AWS, in one process and one thread.

An actor is a greenlet. It runs until its next call, and goes on when it is chosen. Whatever is chosen comes from one
source of choices, so that a schedule is a list of numbers: it can be replayed, and shortened.

A greenlet stops wherever it is, in the middle of botocore or of a handler, and needs no code of its own for that.
Threads would cost ten times as much for each switch and could not be killed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet


class KilledError(GreenletExit):
    """Ends a killed actor; handlers' ``except Exception`` lets it through."""


@dataclass(frozen=True, slots=True)
class Touch:
    """What a call reads or writes: a key of a resource, or with ``prefix`` all keys that begin with it."""

    resource: str
    key: str
    writes: bool
    prefix: bool = False

    def conflicts(self, other: "Touch") -> bool:
        """Whether the order of both matters."""
        if self.resource != other.resource or not (self.writes or other.writes):
            return False
        if self.prefix and other.prefix:
            return self.key.startswith(other.key) or other.key.startswith(self.key)
        if self.prefix:
            return other.key.startswith(self.key)
        return self.key.startswith(other.key) if other.prefix else self.key == other.key


@dataclass(frozen=True, slots=True)
class Call:
    """A call that an actor is about to make."""

    text: str
    touches: tuple[Touch, ...] = ()

    def conflicts(self, other: "Call") -> bool:
        """Whether the order of both matters; of two that do not conflict, one order stands for both."""
        return any(mine.conflicts(theirs) for mine in self.touches for theirs in other.touches)


class Actor:
    """A function that runs beside others. It ends with a ``value``, an ``error``, or ``killed``."""

    def __init__(self, name: str, function: Callable[[], Any], deadline: float, crashes: bool, hub: greenlet) -> None:
        self.name = name
        self.deadline = deadline
        self.crashes = crashes  # whether a crash of it is a move of the scheduler
        self.call: Call | None = None
        self.awaited: Sequence[Actor] = ()
        self.ended = self.killed = False
        self.value: Any = None
        self.error: Exception | None = None
        self._function = function
        self.greenlet = greenlet(self._run, hub)  # where it goes when it ends, whoever made it
        self.greenlet.actor = self  # type: ignore[attr-defined]

    def _run(self, _order: object = None) -> None:
        try:
            self.value = self._function()
        except GreenletExit:
            self.killed = True
        except Exception as error:  # whoever waits for it decides what that means
            self.error = error
        finally:
            self.ended = True

    def __repr__(self) -> str:
        return self.name


def current() -> Actor | None:
    """Return the actor that runs now; None outside of all actors."""
    return getattr(getcurrent(), "actor", None)


class Scheduler:
    """The actors of one schedule."""

    def __init__(self) -> None:
        self.actors: list[Actor] = []
        self._hub = getcurrent()
        self._fresh: list[Actor] = []

    def spawn(
        self, name: str, function: Callable[[], Any], *, deadline: float = float("inf"), crashes: bool = False
    ) -> Actor:
        """Add an actor; it runs up to its first call at the next step."""
        actor = Actor(name, function, deadline, crashes, self._hub)
        self._fresh.append(actor)
        return actor

    def pause(self, call: Call) -> bool:
        """Stop the running actor before ``call``; return whether it dies after the call has taken effect.

        Raises:
            KilledError: it dies before.
        """
        actor = current()
        assert actor is not None
        if actor.killed:
            raise KilledError
        actor.call = call
        dies = bool(self._hub.switch())
        actor.killed = actor.killed or dies
        return dies

    def wait(self, actors: Iterable[Actor]) -> None:
        """Stop the running actor until all of ``actors`` have ended."""
        actor = current()
        assert actor is not None
        awaited = [each for each in actors if not each.ended]
        if awaited:
            actor.awaited = awaited
            self._hub.switch()

    def advance(self) -> None:
        """Run what needs no choice: new actors up to their first call, and those that waited for an actor's end."""
        while True:
            ready = self._fresh
            self._fresh = []
            self.actors.extend(ready)
            ready = [
                *ready,
                *(each for each in self.actors if each.awaited and all(other.ended for other in each.awaited)),
            ]
            self.actors = [each for each in self.actors if not each.ended]
            if not ready:
                return
            for actor in ready:
                actor.awaited = ()
                actor.greenlet.switch()

    def runnable(self) -> list[Actor]:
        """Return the actors that stand before a call."""
        return [each for each in self.actors if each.call is not None and not each.ended]

    def step(self, actor: Actor, *, dies: bool = False) -> None:
        """Let ``actor`` make its call; with ``dies`` it takes effect, and the actor does not learn of it."""
        actor.call = None
        actor.greenlet.switch(dies)
        self.advance()

    def kill(self, actor: Actor) -> None:
        """Kill ``actor`` before its call."""
        actor.call, actor.awaited, actor.killed = None, (), True
        actor.greenlet.throw(KilledError)
        self.advance()

    def close(self) -> None:
        """Kill all actors that are left."""
        for actor in [*self._fresh, *self.actors]:
            if not actor.ended:
                actor.killed = True
                actor.greenlet.throw(KilledError)
        self.actors, self._fresh = [], []


# ---- Choices


class Choices:
    """Where a schedule's choices come from; all that were made are in ``made``.

    0 is always the dullest choice: the same actor goes on, nothing crashes, nothing is delivered twice.
    """

    def __init__(self) -> None:
        self.made: list[int] = []

    def choose(self, count: int) -> int:
        """Return a number below ``count``."""
        chosen = self._choose(count) if count > 1 else 0
        if count > 1:
            self.made.append(chosen)
        return chosen

    def chance(self, likelihood: float) -> bool:
        """Return whether something happens that does so with ``likelihood``."""
        chosen = self._chance(likelihood)
        self.made.append(int(chosen))
        return chosen

    def _choose(self, count: int) -> int:
        raise NotImplementedError

    def _chance(self, likelihood: float) -> bool:
        raise NotImplementedError


class RandomChoices(Choices):
    """Choices of a seed. How often it switches between actors is drawn once for each schedule."""

    def __init__(self, seed: int | str) -> None:
        super().__init__()
        self._random = Random(seed)
        self._stays = self._random.choice((0.3, 0.7, 0.9))

    def _choose(self, count: int) -> int:
        if self._random.random() < self._stays:
            return 0
        return int(self._random.random() * count)

    def _chance(self, likelihood: float) -> bool:
        return self._random.random() < likelihood


class GivenChoices(Choices):
    """The choices of a list, then the dullest."""

    def __init__(self, given: Sequence[int]) -> None:
        super().__init__()
        self._given = given

    def _choose(self, count: int) -> int:
        return min(self._next(), count - 1)

    def _chance(self, likelihood: float) -> bool:
        return bool(self._next())

    def _next(self) -> int:
        place = len(self.made)
        return self._given[place] if place < len(self._given) else 0
