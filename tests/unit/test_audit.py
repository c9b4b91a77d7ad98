"""What an audit reports as a fault, and what it ignores because it is still in progress."""

from datetime import UTC, date, datetime, timedelta

import pytest

from lambdas.core.keys import OriginalKey, Variant, new_image_id
from operations.audit.checks import Deadlines, behind, lacking, orphaned, without_outcome
from operations.audit.faults import AuditResult, Fault, Finding, merge
from operations.inventory import ImageRecord, StoredDerivative, StoredOriginal

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DEADLINES = Deadlines.at(NOW, settled_minutes=60, replica_minutes=15)
OLD, FRESH = NOW - timedelta(hours=2), NOW - timedelta(minutes=5)
ID = new_image_id()
READY, REJECTED = ImageRecord(ID, True, f"demo/2026-11-25/{ID}"), ImageRecord(ID, False, f"demo/2026-11-25/{ID}")


def stored(at: datetime = OLD, etag: str = "a") -> dict[str, StoredDerivative]:
    return {"256x0.avif": StoredDerivative(etag, at)}


@pytest.mark.parametrize(
    ("stored_at", "records", "found"), [(OLD, {}, 1), (FRESH, {}, 0), (OLD, {ID: REJECTED}, 0), (OLD, {ID: READY}, 0)]
)
def test_a_settled_original_needs_a_record(stored_at: datetime, records: dict[str, ImageRecord], found: int) -> None:
    original = StoredOriginal(OriginalKey("demo", date(2026, 11, 25), ID), stored_at)
    findings = list(without_outcome([original], records, DEADLINES))  # type: ignore[arg-type]
    assert [(each.fault, each.image_id) for each in findings] == [(Fault.NO_OUTCOME, ID)] * found


def test_missing_variants_are_named() -> None:
    wanted = [Variant(256, 0, "avif"), Variant(512, 0, "webp"), Variant(512, 0, "jpeg")]
    finding = lacking(ID, "demo", stored(), wanted)
    assert finding is not None
    assert finding.detail == "512x0.webp, 512x0.jpeg"
    assert lacking(ID, "demo", stored(), wanted[:1]) is None


@pytest.mark.parametrize(
    ("primary", "replica", "late"),
    [
        (stored(), {}, True),
        (stored(), stored(), False),
        (stored(), stored(etag="other"), True),
        (stored(FRESH), {}, False),
        ({}, stored(), False),
    ],
    ids=["missing", "equal", "other-bytes", "in-progress", "only-in-the-replica"],
)
def test_the_replica_is_behind(
    primary: dict[str, StoredDerivative], replica: dict[str, StoredDerivative], late: bool
) -> None:
    assert (behind(ID, "demo", primary, replica, DEADLINES) is not None) == late


@pytest.mark.parametrize(
    ("record", "derivatives", "detail"),
    [
        (None, stored(), "no record, 1 in the primary"),
        (REJECTED, stored(), "rejected, 1 in the primary"),
        (READY, stored(), None),
        (None, stored(FRESH), None),
        (None, {}, None),
    ],
    ids=["no-record", "rejected", "ready", "just-drawn", "none-left"],
)
def test_derivatives_belong_to_a_ready_image(
    record: ImageRecord | None, derivatives: dict[str, StoredDerivative], detail: str | None
) -> None:
    finding = orphaned(ID, record, derivatives, "primary", DEADLINES)
    assert (finding.detail if finding else None) == detail


def test_a_result_says_what_repairs_it() -> None:
    first, second, stray = new_image_id(), new_image_id(), new_image_id()
    one = Finding(Fault.NO_OUTCOME, second, "demo", "key"), Finding(Fault.NO_DERIVATIVE, first, "b", "")
    other = Finding(Fault.NOT_REPLICATED, first, "b", ""), Finding(Fault.NO_IMAGE, stray, "", "")
    result = merge([AuditResult(3, 2, one), AuditResult(1, 1, other)])
    assert result.redrawn == {"b": [first]}
    assert (result.announced, result.rewritten) == (["key"], {"b": [first]})
    assert result.taken_down == [stray]
    assert result.sentence == (
        "4 originals and 3 records: 1 × original without outcome; 1 × ready without derivative;"
        " 1 × replica behind; 1 × derivative without image"
    )
    assert AuditResult(4, 4, ()).sentence == "4 originals and 4 records: no fault"
