"""What is due with the keys of image tokens: a pure decision, so that a daily run needs nobody to think."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from operations.keys.image_token_keys import Standing

Action = Literal["rotate", "retire", "publish", "nothing"]


class Step(NamedTuple):
    """What to do, and why."""

    action: Action
    why: str


def due(standing: Standing, now: datetime, key_days: int) -> Step:
    """Return what is due ``now``: a new key once the one that signs is ``key_days`` old, then the old one's end.

    A rotation that was interrupted leaves a second key that never signed. It is retired like one that did, so that
    no third is ever made.
    """
    if standing.others:
        names = ", ".join(standing.others)
        if now < standing.retire_after:
            return Step("nothing", f"{names} can be retired from {standing.retire_after:%Y-%m-%d %H:%M} UTC on")
        return Step("retire", f"no token of {names} is good any more")
    over = standing.changed_at + timedelta(days=key_days)
    if now < over:
        return Step("nothing", f"{standing.signing} signs until it is {key_days} days old, on {over:%Y-%m-%d}")
    known = standing.changed_at.year > 1
    since = f"has signed since {standing.changed_at:%Y-%m-%d}" if known else "was made nobody knows when"
    return Step("rotate", f"{standing.signing} {since}")
