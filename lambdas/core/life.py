"""The life of a picture: its states, and each transition as one conditional write; no AWS.

::

    expected ──claim──▶ processing ──record──▶ ready | rejected | held        held ──release──▶ ready
        any state ──remove──▶ removed ──finish──▶ removed, final

``refocus`` changes what crops keep in view and leaves the state as it is.

One row of the images table holds a picture's state from ``POST /uploads`` on. Without a row a picture counts as
expected, so that an original that was put into the bucket by other means is processed too. A row of an upload that
never arrived expires after ``EXPECTED_DAYS``; the tombstone of a removed picture after ``TOMBSTONE_DAYS``, which is
longer than anything that could bring the picture back: a signed request (an hour at most), a message (14 days in a
queue and 14 in its dead letters), a batch job's manifest (90 days).

Whoever draws reads the row again after its last write of pixels (:func:`is_wanted`) and deletes what nobody wants.
Whoever removes writes the row first and lists the objects then. So either of them sees the other.

So it is with the focus of crops: whoever draws one stores the row's ``focus_version`` with it, and draws it again if
the row has another one by then. Whoever changes the focus writes the row first, and has older crops erased then.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from boto3.dynamodb.conditions import Attr, ConditionBase

from lambdas.core.keys import Variant

State = Literal["expected", "processing", "ready", "rejected", "held", "removed"]
Outcome = Literal["ready", "rejected", "held"]
FOCUSED: tuple[State, ...] = ("expected", "processing", "ready", "held")
"""The states in which a picture's focus may change: crops of it are drawn, or may be later."""

EXPECTED_DAYS = 35
TOMBSTONE_DAYS = 400
FINAL_SECONDS = 1200
"""Seconds from a takedown until it is final: more than the 900 that a Lambda function may live."""

_STATE, _CLAIM, _CLAIMED_UNTIL, _DEATHS, _EXPIRES = "state", "claim_id", "claimed_until", "deaths", "expires_at"
_ETAG, _VERSION = "original.etag", "original.version_id"
# What a tombstone does not keep. The tenant and the original's key remain, for asking again and for the sweep;
# without uploaded_at the row leaves the list of the tenant's pictures.
_FORGOTTEN = (
    "uploaded_at", "recorded_at", "original", "metadata", "derivatives", "rejection", "timings",
    "focus", "focus_version", "refocused_at", _CLAIM, _CLAIMED_UNTIL, _DEATHS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Transition:
    """One conditional write of a row: values to set (JSON types, by attribute path), paths to remove, the condition."""

    condition: ConditionBase
    sets: Mapping[str, Any]
    removes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one execution to process an original, until a moment (seconds since the epoch)."""

    id: str
    until: int

    @classmethod
    def starting(cls, claim_id: str, now: datetime, seconds: float) -> "Claim":
        """Return a claim that begins ``now`` and lasts ``seconds``."""
        return cls(claim_id, math.ceil(now.timestamp() + seconds))


def expect(upload: Mapping[str, Any], now: datetime) -> Transition:
    """Write the row of a signed ``upload``; it must not exist."""
    expires = int((now + timedelta(days=EXPECTED_DAYS)).timestamp())
    return Transition(Attr("image_id").not_exists(), {**upload, _STATE: "expected", _EXPIRES: expires})


def pin(original: Mapping[str, Any]) -> Transition:
    """Bind an expected picture to the ``original`` that has arrived, before anything is drawn of it."""
    return Transition(Attr(_STATE).eq("expected") & _unpinned_or_same(original), {"original": dict(original)})


def claim(original: Mapping[str, Any], arrived: Mapping[str, Any], by: Claim, now: datetime) -> Transition:
    """Begin to process ``original``; ``arrived`` holds the other attributes of the row, such as its tenant.

    Allowed for an expected picture, and for one in processing with the same version if that claim has lapsed or is
    ``by``'s own: a retry of a call that took effect finds its own claim.
    """
    expected = Attr("image_id").not_exists() | (Attr(_STATE).eq("expected") & _unpinned_or_same(original))
    taken_over = (
        Attr(_STATE).eq("processing")
        & Attr(_ETAG).eq(original["etag"])
        & Attr(_VERSION).eq(original["version_id"])
        & (Attr(_CLAIM).eq(by.id) | Attr(_CLAIMED_UNTIL).lt(int(now.timestamp())))
    )
    values = {
        **arrived,
        "original": dict(original),
        _STATE: "processing",
        _CLAIM: by.id,
        _CLAIMED_UNTIL: by.until,
    }
    return Transition(expected | taken_over, values, removes=(_EXPIRES,))


def record(outcome: Outcome, results: Mapping[str, Any], claim_id: str) -> Transition:
    """End the processing of ``claim_id`` with ``results``. The claim's id remains, to recognize a repeated call."""
    condition = Attr(_STATE).eq("processing") & Attr(_CLAIM).eq(claim_id)
    return Transition(condition, {**results, _STATE: outcome}, removes=(_CLAIMED_UNTIL,))


def release(now: datetime) -> Transition:
    """Publish a held picture."""
    return Transition(Attr(_STATE).eq("held"), {_STATE: "ready", "released_at": format_instant(now)})


def reopen() -> Transition:
    """Expect a picture again that was rejected as ``too_costly``; its original must be announced again."""
    condition = Attr(_STATE).eq("rejected") & Attr("rejection.code").eq("too_costly")
    return Transition(condition, {_STATE: "expected"}, removes=("rejection", "recorded_at", _CLAIM, _DEATHS))


def repin(original: Mapping[str, Any], version_id: str) -> Transition:
    """Point a row at another version of the same bytes, after the recorded version has gone."""
    condition = Attr(_ETAG).eq(original["etag"]) & Attr(_VERSION).eq(original["version_id"])
    return Transition(condition, {_VERSION: version_id})


def refocus(row: Mapping[str, Any], focus: Mapping[str, float] | None, now: datetime) -> Transition:
    """Have crops keep ``focus`` in view, or none: each drawn under an older ``focus_version`` is unwanted from now on.

    What ``row`` records of crops is forgotten with it, so the row's focus and derivatives must be as read. The same
    focus again changes nothing, but has the crops swept once more.
    """
    version, derivatives = row.get("focus_version"), row.get("derivatives")
    as_read = _is_as_read("focus_version", version) & _is_as_read("derivatives", derivatives)
    sets: dict[str, Any] = {"refocused_at": format_instant(now)}
    if focus != row.get("focus"):
        sets |= {"focus": focus, "focus_version": (version or 0) + 1}
        if derivatives is not None:
            sets["derivatives"] = {name: made for name, made in derivatives.items() if not Variant.parse(name).height}
    return Transition(Attr(_STATE).is_in(list(FOCUSED)) & as_read, sets)


def remove(tenant: str | None, original_key: str | None, now: datetime) -> Transition:
    """Turn a row in any other state into a tombstone; without a row, write one.

    It must be of ``tenant``, if that is given. ``original_key`` is for a picture without a row.
    """
    expires = int((now + timedelta(days=TOMBSTONE_DAYS)).timestamp())
    other_state = Attr(_STATE).ne("removed")
    allowed = other_state if tenant is None else other_state & Attr("tenant").eq(tenant)
    condition = Attr("image_id").not_exists() | allowed
    values: dict[str, Any] = {_STATE: "removed", "removed_at": format_instant(now), _EXPIRES: expires}
    if tenant is not None:
        values["tenant"] = tenant
    if original_key is not None:
        values["key"] = original_key
    return Transition(condition, values, removes=_FORGOTTEN)


def finish(now: datetime) -> Transition:
    """Mark a takedown as final: ``FINAL_SECONDS`` have passed since, and everything was erased once more."""
    due = format_instant(now - timedelta(seconds=FINAL_SECONDS))
    condition = Attr(_STATE).eq("removed") & Attr("removed_at").lte(due) & Attr("final_at").not_exists()
    return Transition(condition, {"final_at": format_instant(now)})


def is_wanted(row: Mapping[str, Any] | None, etag: str) -> bool:
    """Tell whether derivatives of the original with ``etag`` may be stored, by the row as read after storing them."""
    if row is None or row[_STATE] not in ("expected", "processing", "ready"):
        return False
    return bool((row.get("original") or {}).get("etag") == etag)


def is_past(row: Mapping[str, Any], version_id: str | None) -> bool:
    """Tell whether the arrival of a version can change nothing any more, so that its bytes may be gone."""
    if row[_STATE] not in ("expected", "processing"):
        return True
    held = row.get("original")
    return held is not None and held["version_id"] != version_id


Unclaimed = Literal["settled", "busy"]
Arrived = Literal["again", "busy", "extra", "other", "removed"]


def classify_arrival(row: Mapping[str, Any], original: Mapping[str, Any], claim_id: str, now: datetime) -> Arrived:
    """Tell what an arrival is whose claim the ``row`` refused.

    ``removed``: the picture was taken down. ``other``: other bytes than those that came first. ``extra``: another
    version of the same bytes. ``busy``: another execution is processing it. ``again``: it has its outcome already.
    """
    if row[_STATE] == "removed":
        return "removed"
    held = row["original"]
    if held["etag"] != original["etag"]:
        return "other"
    if held["version_id"] != original["version_id"]:
        return "extra"
    if row[_STATE] == "processing" and row[_CLAIM] != claim_id and row[_CLAIMED_UNTIL] >= int(now.timestamp()):
        return "busy"
    return "again"


def format_instant(moment: datetime) -> str:
    """Return ``moment`` as the rows hold it: UTC, ISO 8601 with milliseconds, in an order that text has too."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_as_read(attribute: str, value: Any) -> ConditionBase:
    return Attr(attribute).not_exists() if value is None else Attr(attribute).eq(value)


def _unpinned_or_same(original: Mapping[str, Any]) -> ConditionBase:
    return Attr("original").not_exists() | Attr(_ETAG).eq(original["etag"])
