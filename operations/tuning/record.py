"""The record of a tuning: what was before and after, written before anything is changed, so that it can be undone."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from operations.ledger import Ledger
from operations.tuning.load import LaneLoad

KIND = "lane-concurrency"
State = Literal["applying", "applied", "put back", "half applied"]


class LaneTuning(BaseModel):
    """One lane in a tuning; ``load`` are the figures that it was made by."""

    model_config = ConfigDict(frozen=True)

    before: int | None
    after: int
    need: int | None = None
    load: dict[str, float] = {}


class Tuning(BaseModel):
    """One change of reservations; ``before`` and ``after`` by function, ``reverts`` the name of what it undid."""

    model_config = ConfigDict(frozen=True)

    name: str
    at: datetime
    run: str
    state: State
    lanes: dict[str, LaneTuning]
    before: dict[str, int | None]
    after: dict[str, int | None]
    reason: str = ""
    reverts: str | None = None


def save(ledger: Ledger, tuning: Tuning) -> str:
    """Write ``tuning``, over its earlier state; return its address.

    Raises:
        ClientError: S3 refused; a retry may help.
    """
    return ledger.write(tuning.name, tuning.model_dump(mode="json"))


def history(ledger: Ledger) -> list[Tuning]:
    """Return every tuning, oldest first.

    Raises:
        ClientError: S3 refused; a retry may help.
    """
    return [Tuning.model_validate(document) for _, document in ledger.read()]


def last_standing(tunings: Iterable[Tuning]) -> Tuning | None:
    """Return the last tuning that changed something, was not undone, and undid nothing; None if there is none."""
    found = list(tunings)
    undone = {each.reverts for each in found if each.reverts and each.state == "applied"}
    standing = [each for each in found if each.state != "put back" and not each.reverts and each.name not in undone]
    return standing[-1] if standing else None


def figures(load: LaneLoad | None) -> dict[str, float]:
    """Return a load as the figures that a record and a chart show."""
    if load is None:
        return {}
    return {
        "arrived_per_minute": round(load.arrived / load.seconds * 60, 2),
        "pictures_per_minute": round(load.pictures / load.seconds * 60, 2),
        "backlog": load.backlog,
        "oldest_seconds": round(load.oldest_seconds, 1),
        "peak": load.peak,
        "throttles": load.throttles,
        "seconds_per_picture": round(_busy(load.functions) / load.pictures, 3) if load.pictures else 0.0,
    }


def _busy(functions: Mapping[Any, Any]) -> float:
    return float(sum(function.busy_seconds for function in functions.values()))
