"""What an audit reports as a fault, and what it ignores because it is still in progress."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from image_stores import image_stores

from lambdas.core import life
from lambdas.core.keys import OriginalKey, Variant, new_image_id
from operations.audit.checks import (
    Audit,
    Deadlines,
    behind,
    lacking,
    misplaced,
    orphaned,
    stalled,
    unfinished,
    unsettled,
)
from operations.audit.faults import AuditResult, Fault, Finding, merge
from operations.inventory import ImageRecord, StoredDerivative, StoredOriginal

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DEADLINES = Deadlines.at(NOW, settled_minutes=60, replica_minutes=15)
OLD, FRESH = NOW - timedelta(hours=2), NOW - timedelta(minutes=5)
ID = new_image_id()
KEY = OriginalKey("demo", date(2026, 11, 25), ID)
READY = ImageRecord(ID, "demo", "ready", str(KEY), etag="a", version_id="1")
REJECTED, HELD = replace(READY, state="rejected"), replace(READY, state="held")
EXPECTED = ImageRecord(ID, "demo", "expected", str(KEY))
PROCESSING = replace(READY, state="processing", claimed_until=NOW + timedelta(minutes=4))
REMOVED = ImageRecord(ID, "demo", "removed", str(KEY), removed_at=OLD)
GONE = replace(REMOVED, final=True)


def stored(at: datetime = OLD, etag: str = "a") -> dict[str, StoredDerivative]:
    return {"256x0.avif": StoredDerivative(etag, at)}


@pytest.mark.parametrize(
    ("stored_at", "record", "fault"),
    [
        (OLD, None, Fault.NO_OUTCOME),
        (FRESH, None, None),
        (OLD, EXPECTED, Fault.NO_OUTCOME),
        (FRESH, EXPECTED, None),
        (OLD, PROCESSING, None),
        (OLD, REJECTED, None),
        (OLD, READY, None),
        (OLD, REMOVED, None),
        (OLD, GONE, Fault.RETURNED),
        (FRESH, GONE, None),
    ],
)
def test_a_settled_original_is_processed_or_gone(
    stored_at: datetime, record: ImageRecord | None, fault: Fault | None
) -> None:
    finding = unsettled(StoredOriginal(KEY, stored_at, {"1": "a"}, "1"), record, DEADLINES)
    assert (finding.fault if finding else None) == fault
    if fault is Fault.NO_OUTCOME:
        assert finding and finding.detail == str(KEY)


def test_a_delete_marker_is_left_of_a_removed_original_but_no_original_without_outcome() -> None:
    marker = StoredOriginal(KEY, OLD, {}, "2", deleted=True)
    assert unsettled(marker, None, DEADLINES) is None
    returned = unsettled(marker, GONE, DEADLINES)
    assert returned and returned.detail == f"{KEY}, 1 left"


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (PROCESSING, False),
        (replace(PROCESSING, claimed_until=NOW - timedelta(minutes=59)), False),
        (replace(PROCESSING, claimed_until=NOW - timedelta(minutes=61)), True),
        (replace(PROCESSING, claimed_until=datetime.fromtimestamp(0, UTC)), True),
        (replace(READY, claimed_until=None), False),
        (EXPECTED, False),
    ],
    ids=["live", "lapsed-just-now", "lapsed", "given-up", "ready", "expected"],
)
def test_a_claim_must_lead_to_an_outcome(record: ImageRecord, found: bool) -> None:
    finding = stalled(record, DEADLINES)
    assert (finding is not None) == found
    assert not finding or (finding.fault, finding.detail) == (Fault.NO_PROGRESS, str(KEY))


@pytest.mark.parametrize(
    ("record", "etags", "current", "fault"),
    [
        (READY, {"1": "a"}, "1", None),
        (READY, {"2": "a"}, "2", Fault.OTHER_VERSION),
        (READY, {"1": "a", "2": "a"}, "2", Fault.OTHER_VERSION),
        (READY, {"1": "a", "2": "b"}, "2", Fault.OTHER_VERSION),
        (READY, {"2": "b"}, "2", Fault.NO_ORIGINAL),
        (HELD, {"2": "a"}, "2", Fault.OTHER_VERSION),
        (REJECTED, {"2": "b"}, "2", Fault.NO_ORIGINAL),
        (replace(READY, version_id=None), {"2": "a"}, "2", None),
        (replace(READY, version_id=None), {None: "a"}, None, None),
        (replace(READY, version_id=None), {None: "b"}, None, Fault.NO_ORIGINAL),
    ],
    ids=[
        "current", "expired", "same-bytes-above", "other-bytes-above", "only-other-bytes", "held", "rejected",
        "no-version-recorded", "unversioned", "unversioned-other-bytes",
    ],
)  # fmt: skip
def test_a_record_names_the_current_version_of_its_original(
    record: ImageRecord, etags: dict[str | None, str], current: str | None, fault: Fault | None
) -> None:
    finding = misplaced(record, StoredOriginal(KEY, OLD, etags, current), DEADLINES)
    assert (finding.fault if finding else None) == fault
    assert not finding or finding.detail == str(KEY)


def test_an_original_is_missing_if_it_was_deleted_but_not_while_a_version_is_new() -> None:
    deleted = StoredOriginal(KEY, OLD, {"1": "a"}, "2", deleted=True)
    for missing in (deleted, None):
        finding = misplaced(READY, missing, DEADLINES)
        assert finding and finding.fault is Fault.NO_ORIGINAL
    assert misplaced(READY, StoredOriginal(KEY, FRESH, {"1": "a", "2": "a"}, "2"), DEADLINES) is None


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (REMOVED, True),
        (replace(REMOVED, removed_at=NOW - timedelta(minutes=59)), False),
        (GONE, False),
        (READY, False),
    ],
)
def test_a_takedown_is_final_within_an_hour(record: ImageRecord, found: bool) -> None:
    assert (unfinished(record, DEADLINES) is not None) == found


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
        (HELD, stored(), None),
        (PROCESSING, stored(), None),
        (EXPECTED, stored(), None),
        (GONE, stored(), "1 in the primary"),
        (REMOVED, stored(), None),
        (None, stored(FRESH), None),
        (None, {}, None),
    ],
    ids=[
        "no-record", "rejected", "ready", "held", "processing", "drawn-before-its-claim", "removed", "being-removed",
        "just-drawn", "none-left",
    ],
)  # fmt: skip
def test_derivatives_belong_to_an_image_that_may_be_shown(
    record: ImageRecord | None, derivatives: dict[str, StoredDerivative], detail: str | None
) -> None:
    finding = orphaned(ID, record, derivatives, "primary", DEADLINES)
    assert (finding.detail if finding else None) == detail
    assert not finding or finding.fault is (Fault.RETURNED if record is GONE else Fault.NO_IMAGE)


def test_a_day_and_the_strays_are_audited_against_the_stores() -> None:
    """As the listings of S3 and DynamoDB are, including the index, which holds what has begun to be processed."""
    today = datetime.now(UTC)
    later = Deadlines.at(today + timedelta(hours=2), settled_minutes=60, replica_minutes=60)
    names = (
        "unrecorded",
        "expected",
        "missing",
        "lapsed",
        "sound",
        "expired",
        "overwritten",
        "lost",
        "removed",
        "gone",
    )
    keys = {name: OriginalKey("demo", today.date(), new_image_id()) for name in names}
    with image_stores() as stores:
        stores.put(keys["unrecorded"])
        stores.expect(keys["expected"])
        stores.put(keys["expected"])
        stores.expect(keys["missing"])
        stores.claim(keys["lapsed"], stores.put(keys["lapsed"]), today)
        for name in ("sound", "expired", "overwritten", "lost"):
            original = stores.put(keys[name])
            stores.record(keys[name], original, "rejected", "corrupt")
            if name in ("expired", "overwritten"):
                stores.put(keys[name], b"bytes" if name == "expired" else b"others")
            if name in ("expired", "lost"):
                stores.s3.delete_object(Bucket="originals", Key=str(keys[name]), VersionId=original["version_id"])
        for name in ("removed", "gone"):
            stores.apply(keys[name].image_id, life.remove("demo", str(keys[name]), today))
        stores.apply(keys["gone"].image_id, life.finish(today + timedelta(seconds=life.FINAL_SECONDS)))
        for name in ("removed", "gone", "expected"):
            stores.s3.put_object(Bucket="replica", Key=f"{keys[name].image_id}/256x0.avif", Body=b"x")
        stores.put(keys["gone"])
        auditor = Audit(stores.inventory, (), later, reads_at_once=2)
        day, strays = auditor.day("demo", today.date()), auditor.strays()

    by_id = {key.image_id: name for name, key in keys.items()}
    assert {(by_id[finding.image_id], finding.fault) for finding in day.findings} == {
        ("unrecorded", Fault.NO_OUTCOME),
        ("expected", Fault.NO_OUTCOME),
        ("lapsed", Fault.NO_PROGRESS),
        ("expired", Fault.OTHER_VERSION),
        ("overwritten", Fault.OTHER_VERSION),
        ("lost", Fault.NO_ORIGINAL),
        ("gone", Fault.RETURNED),
    }
    assert day.announced == sorted(
        str(keys[name]) for name in ("unrecorded", "expected", "lapsed", "expired", "overwritten")
    )
    assert {(by_id[finding.image_id], finding.fault) for finding in strays.findings} == {
        ("removed", Fault.UNFINISHED),
        ("gone", Fault.RETURNED),
    }
    assert (day.originals, day.records) == (7, 5)


def test_losses_of_ready_images_are_counted() -> None:
    today = datetime.now(UTC)
    losing = {"animation": {"S": "first_frame"}, "hdr": {"S": "dropped"}, "gamut": {"S": "reduced"}}
    keeping = {"animation": {"S": "kept"}, "hdr": {"S": "none"}, "gamut": {"S": "kept"}}
    metadata = [losing, {**keeping, "gamut": {"S": "reduced"}}, keeping, {}]
    with image_stores() as stores:
        for said, outcome in [*((each, "ready") for each in metadata), (losing, "held")]:
            key = OriginalKey("demo", today.date(), new_image_id())
            stores.record(key, stores.put(key), outcome)
            stores.inventory.dynamodb.update_item(
                TableName=stores.inventory.images_table,
                Key={"image_id": {"S": key.image_id}},
                UpdateExpression="SET metadata = :said",
                ExpressionAttributeValues={":said": {"M": said}},
            )
        later = Deadlines.at(today, settled_minutes=60, replica_minutes=60)
        day = Audit(stores.inventory, (), later, reads_at_once=2).day("demo", today.date())
    assert merge([day]).losses == {"motion dropped": 1, "HDR dropped": 1, "gamut reduced": 2}
    assert merge([day, day]).losses["gamut reduced"] == 4
    assert merge([]).losses == {"motion dropped": 0, "HDR dropped": 0, "gamut reduced": 0}


def test_a_result_says_what_repairs_it() -> None:
    first, second, stray, returned, unended = (new_image_id() for _ in range(5))
    one = Finding(Fault.NO_OUTCOME, second, "demo", "key"), Finding(Fault.NO_DERIVATIVE, first, "b", "")
    other = (
        Finding(Fault.NOT_REPLICATED, first, "b", ""),
        Finding(Fault.NO_IMAGE, stray, "", ""),
        Finding(Fault.NO_IMAGE, first, "b", "rejected"),
        Finding(Fault.NO_PROGRESS, first, "b", "stalled"),
        Finding(Fault.OTHER_VERSION, first, "b", "expired"),
        Finding(Fault.RETURNED, returned, "b", "2 in the primary"),
        Finding(Fault.UNFINISHED, unended, "b", ""),
        Finding(Fault.NO_ORIGINAL, first, "b", "lost"),
    )
    result = merge([AuditResult(3, 2, one), AuditResult(1, 1, other)])
    assert result.redrawn == {"b": [first]}
    assert (result.announced, result.rewritten) == (["expired", "key", "stalled"], {"b": [first]})
    assert result.taken_down == sorted([stray, returned, unended])
    assert result.sentence == (
        "4 originals and 3 records: 1 × original without outcome; 1 × claim without progress;"
        " 1 × record without original; 1 × recorded version not current; 1 × ready without derivative;"
        " 1 × replica behind; 2 × derivative without image; 1 × removed but there again; 1 × takedown not final"
    )
    assert AuditResult(4, 4, ()).sentence == "4 originals and 4 records: no fault"
