"""What is due with a keyring, and the safeguards of a change: a plan first, and approval if tokens would break."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, Self

from operations.approval import Approve
from operations.keys.keyring import Keyring, KeyState, TooSoonError

Action = Literal["due", "rotate", "retire", "publish"]


class WrongActionError(ValueError):
    """The keyring has no such action; the message says what was expected."""


class Step(NamedTuple):
    """What to do, and why."""

    action: Literal["rotate", "retire", "publish", "nothing"]
    why: str


def due(state: KeyState, now: datetime, key_days: int) -> Step:
    """Return what is due ``now``: a rotation once the signing key is ``key_days`` old, later the old key's retirement.

    An interrupted rotation leaves a second key that never signed. It is retired in the same way, so there are never
    three keys. Whatever was interrupted before the edge had the keys is published first.
    """
    if not state.published:
        return Step("publish", "the edge accepts other keys than those of the table")
    if state.others:
        names = ", ".join(state.others)
        if now < state.retire_after:
            return Step("nothing", f"{names} can be retired from {state.retire_after:%Y-%m-%d %H:%M} UTC on")
        return Step("retire", f"no token of {names} is valid any more")
    expires = state.signing_since + timedelta(days=key_days)
    if now < expires:
        return Step("nothing", f"{state.signing} signs until it is {key_days} days old, on {expires:%Y-%m-%d}")
    return Step("rotate", f"{state.signing} has signed since {state.signing_since:%Y-%m-%d}")


class KeyPlan(NamedTuple):
    """What an action would do to the keys in ``state``, and what a person has to approve before; empty if nothing."""

    step: Step
    state: KeyState
    warning: str = ""

    @classmethod
    def make(cls, keyring: Keyring, action: Action, key_days: int, *, at_once: bool = False) -> Self:
        """Return the plan of an action; nothing is changed.

        Raises:
            WrongActionError: tenants' keys cannot be published, and only a retirement can be ``at_once``.
            TooSoonError: the action is not possible yet.
            NoKeysError, MalformedKeysError, ClientError: as :meth:`Keyring.state`.
        """
        if keyring.edge is None and action == "publish":
            raise WrongActionError(
                f"expected publish without a tenant, for image tokens, but received {keyring.owner!r}"
            )
        if at_once and action != "retire":
            raise WrongActionError(f"expected at once with retire only but received it with {action}")
        state, now = keyring.state(), datetime.now(UTC)
        step = due(state, now, key_days) if action == "due" else _requested(action, state, at_once=at_once)
        if step.action == "retire" and now < state.retire_after:
            if not at_once:
                raise TooSoonError(
                    f"tokens of the old key are valid until {state.retire_after:%Y-%m-%d %H:%M} UTC, when"
                    f" {', '.join(state.others)} can be retired; if it has leaked, retire it at once"
                )
            return cls(step, state, _warning(state))
        return cls(step, state)

    @property
    def sentence(self) -> str:
        """The plan in a sentence."""
        return f"{self.step.action}: {self.step.why}"

    def carry_out(self, keyring: Keyring, approve: Approve, *, sleep: Callable[[float], None] = time.sleep) -> str:
        """Do it, once ``approve`` has approved what needs it; return what changed.

        Raises:
            NotApprovedError: it is not approved; nothing was changed.
            TooSoonError, KeysChangedError, NoKeysError, MalformedKeysError, ClientError: as those of ``keyring``.
        """
        if self.warning:
            approve(self.warning)
        match self.step.action:
            case "rotate":
                rotation = keyring.rotate(sleep=sleep)
                return (
                    f"{rotation.signing} signs now; retire the old key from {rotation.retire_after:%Y-%m-%d %H:%M} UTC"
                )
            case "retire":
                # Approval takes time: another rotation may have made another key the old one.
                removed = keyring.retire(self.state.others, at_once=bool(self.warning)).removed
                return f"{', '.join(removed)} removed"
            case "publish":
                changes = keyring.publish()
                return f"{len(changes.added)} keys added at the edge, {len(changes.removed)} removed"
            case "nothing":
                return self.sentence


def state_lines(state: KeyState) -> list[str]:
    """Return a line for each valid key."""
    return [
        f"- `{state.signing}` signs, since {state.signing_since:%Y-%m-%d %H:%M} UTC",
        *(f"- `{kid}` is valid until {state.retire_after:%Y-%m-%d %H:%M} UTC" for kid in state.others),
    ]


def _requested(action: Literal["rotate", "retire", "publish"], state: KeyState, *, at_once: bool) -> Step:
    if action == "publish":
        return Step("publish", "requested")
    if action == "rotate":
        if state.others:
            raise TooSoonError(
                f"expected one key before a rotation but {', '.join(state.others)} is valid beside {state.signing}:"
                f" retire it, from {state.retire_after:%Y-%m-%d %H:%M} UTC on"
            )
        return Step("rotate", "requested")
    if not state.others:
        if not state.published:
            return Step("publish", "the edge accepts other keys than those of the table")
        return Step("nothing", f"{state.signing} is the only key")
    return Step("retire", f"{', '.join(state.others)}{', at once' if at_once else ''}")


def _warning(state: KeyState) -> str:
    return (
        f"**Every token of {', '.join(state.others)} will be refused with 401 from now on**, until its holder gets"
        f" a new one. They expire by themselves at {state.retire_after:%Y-%m-%d %H:%M} UTC."
    )
