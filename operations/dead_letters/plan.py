"""Redriving and discarding with safeguards: a choice of messages, a plan to look at, approval above a limit."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

from operations.approval import Approve
from operations.dead_letters.message import DeadMessage

Taking = Literal["redrive", "discard"]
_PAST_TENSE: dict[Taking, str] = {"redrive": "redriven", "discard": "discarded"}
_SHOWN_REASONS = 10


class WrongChoiceError(ValueError):
    """It does not say which messages are meant; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which messages: those with one of ``names`` and, if given, with ``because`` in their reason."""

    names: frozenset[str] = frozenset()
    because: str | None = None

    @classmethod
    def to_take(
        cls, action: Taking, names: Iterable[str] | None, because: str | None, *, everything: bool = False
    ) -> Self:
        """Return a choice of messages to redrive or discard; it has to be made, and nobody discards everything.

        Raises:
            WrongChoiceError: neither names nor a reason are given, or everything beside them, or with discard.
        """
        named = frozenset(names or ())
        given = bool(named) or bool(because)
        if everything and action == "discard":
            raise WrongChoiceError("expected names or a part of the reason with discard but received everything")
        if given == everything:
            every = "" if action == "discard" else ", or everything"
            received = "all of these" if given else "none of these"
            raise WrongChoiceError(f"expected names or a part of the reason{every} but received {received}")
        return cls(named, because or None)

    def includes(self, message: DeadMessage) -> bool:
        """Return whether ``message`` is chosen."""
        named = not self.names or any(message.is_named(name) for name in self.names)
        return named and (self.because is None or self.because in message.reason)


@dataclass(frozen=True)
class TakingPlan:
    """The messages that ``action`` takes, as they were listed; later ones are left."""

    action: Taking
    messages: Sequence[DeadMessage]

    @property
    def sentence(self) -> str:
        """The plan in a sentence."""
        return f"{count_messages(len(self.messages))} would be {_PAST_TENSE[self.action]}"

    def done(self, taken: int) -> str:
        """Return what was done in a sentence."""
        return f"{taken:,} of {count_messages(len(self.messages))} {_PAST_TENSE[self.action]}"

    def require_approval(self, ask_above: int, approve: Approve) -> None:
        """Have a person approve it, if it deletes more than ``ask_above`` messages.

        Raises:
            NotApprovedError: it is not approved; nothing was changed.
        """
        if self.action == "discard" and len(self.messages) > ask_above:
            listed = "\n".join(
                f"- {count:,} of {lane}: {reason}" for lane, reason, count in reasons(self.messages)[:_SHOWN_REASONS]
            )
            approve(
                f"**{len(self.messages):,} messages will be deleted permanently.** Their originals stay, without an"
                f" outcome.\n\n{listed}"
            )

    def includes(self, message: DeadMessage) -> bool:
        """Return whether ``message`` is one of those that were listed."""
        return message.message_id in self._message_ids

    @cached_property
    def _message_ids(self) -> frozenset[str]:
        return frozenset(message.message_id for message in self.messages)


def reasons(messages: Iterable[DeadMessage]) -> list[tuple[str, str, int]]:
    """Return the number of messages by lane, step and error, the most frequent first."""
    counted = Counter(
        (message.lane, f"{message.failure.step}: {message.failure.error}" if message.failure else message.reason)
        for message in messages
    )
    return [(lane, reason, count) for (lane, reason), count in counted.most_common()]


def count_messages(number: int) -> str:
    """Format a number of messages."""
    return f"{number:,} dead letter{'' if number == 1 else 's'}"
