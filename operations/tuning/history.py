"""Records of tunings: reservations before and after, written before anything changes so that it can be reverted."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from operations.ledger import Ledger
from operations.tuning.load import LaneLoad

KIND = "lane-concurrency"
State = Literal["applying", "applied", "rolled back", "half applied"]


class LaneTuning(BaseModel):
    """One lane in a tuning; ``load`` are the figures it was based on."""

    model_config = ConfigDict(frozen=True)

    before: int | None
    after: int
    need: int | None = None
    load: dict[str, float] = {}


class TuningRecord(BaseModel):
    """One change of reservations; ``before`` and ``after`` by function, ``reverts`` the name of the reverted one."""

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


def save(ledger: Ledger, tuning: TuningRecord) -> str:
    """Write ``tuning``, replacing its earlier state; return its S3 URI.

    Raises:
        ClientError: S3 refused; a retry may help.
    """
    return ledger.write(tuning.name, tuning.model_dump(mode="json"))


def history(ledger: Ledger) -> list[TuningRecord]:
    """Return every tuning, oldest first.

    Raises:
        ClientError: S3 refused; a retry may help.
    """
    return [TuningRecord.model_validate(document) for _, document in ledger.read()]


def last_in_effect(tunings: Iterable[TuningRecord]) -> TuningRecord | None:
    """Return the last tuning that is neither rolled back, nor reverted, nor itself a revert; None if there is none."""
    found = list(tunings)
    reverted = {each.reverts for each in found if each.reverts and each.state == "applied"}
    in_effect = [
        each for each in found if each.state != "rolled back" and not each.reverts and each.name not in reverted
    ]
    return in_effect[-1] if in_effect else None


def figures(load: LaneLoad | None) -> dict[str, float]:
    """Return the figures of a load that records and tables show."""
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
