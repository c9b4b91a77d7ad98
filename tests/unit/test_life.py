"""The transitions of an image's row, each tried from each state on a DynamoDB in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambdas.core import life
from lambdas.core.keys import ImageId
from lambdas.core.life import Claim, State, Transition
from lambdas.core.stores.images import ImagesTable

NOW = datetime.now(UTC).replace(microsecond=0)
IMAGE_ID = ImageId("0123456789abcdef0123456789abcdef")
ORIGINAL = {"bucket": "originals", "key": f"demo/2026-11-23/{IMAGE_ID}", "version_id": "v1", "etag": "e1", "bytes": 9}
SAME_BYTES = {**ORIGINAL, "version_id": "v2"}
OTHER_BYTES = {**ORIGINAL, "version_id": "v3", "etag": "e3"}
UPLOAD = {"tenant": "demo", "key": ORIGINAL["key"], "bytes": 9, "requested_at": life.format_instant(NOW)}
ARRIVED = {"tenant": "demo", "key": ORIGINAL["key"], "uploaded_at": life.format_instant(NOW)}
CLAIM_SECONDS = 240
LATER = NOW + timedelta(seconds=CLAIM_SECONDS + 2)
TOO_COSTLY = {"rejection": {"code": "too_costly", "message": "…"}}
CORRUPT = {"rejection": {"code": "corrupt", "message": "…"}}


def claim(original: dict[str, Any] = ORIGINAL, claim_id: str = "first", now: datetime = NOW) -> Transition:
    return life.claim(original, ARRIVED, Claim.starting(claim_id, now, CLAIM_SECONDS), now)


START: dict[str, list[Transition]] = {
    "absent": [],
    "expected": [life.expect(UPLOAD, NOW)],
    "pinned": [life.expect(UPLOAD, NOW), life.pin(ORIGINAL)],
    "processing": [life.expect(UPLOAD, NOW), claim()],
    "ready": [claim(), life.record("ready", {"metadata": {}}, "first")],
    "rejected": [claim(), life.record("rejected", CORRUPT, "first")],
    "too costly": [claim(), life.record("rejected", TOO_COSTLY, "first")],
    "held": [claim(), life.record("held", {}, "first")],
    "removed": [life.expect(UPLOAD, NOW), life.remove("demo", None, NOW)],
    "final": [life.remove("demo", "key", NOW), life.finish(NOW + timedelta(seconds=life.FINAL_SECONDS))],
}
AFTER_FINAL = NOW + timedelta(seconds=life.FINAL_SECONDS)


@dataclass(frozen=True)
class Try:
    """A transition, the state it leads to, and from where it is allowed; everywhere else it changes nothing."""

    transition: Callable[[], Transition]
    to: State
    allowed: set[str]


TRIES = {
    "expect": Try(lambda: life.expect(UPLOAD, NOW), "expected", {"absent"}),
    "pin": Try(lambda: life.pin(ORIGINAL), "expected", {"expected", "pinned"}),
    "pin the same bytes": Try(lambda: life.pin(SAME_BYTES), "expected", {"expected", "pinned"}),
    "pin other bytes": Try(lambda: life.pin(OTHER_BYTES), "expected", {"expected"}),
    "claim": Try(lambda: claim(claim_id="second"), "processing", {"absent", "expected", "pinned"}),
    "claim again": Try(claim, "processing", {"absent", "expected", "pinned", "processing"}),
    "claim other bytes": Try(lambda: claim(OTHER_BYTES, "second", LATER), "processing", {"absent", "expected"}),
    "claim the same bytes": Try(
        lambda: claim(SAME_BYTES, "second", LATER), "processing", {"absent", "expected", "pinned"}
    ),
    "take over": Try(
        lambda: claim(claim_id="second", now=LATER), "processing", {"absent", "expected", "pinned", "processing"}
    ),
    "record": Try(lambda: life.record("ready", {"metadata": {}}, "first"), "ready", {"processing"}),
    "record without the claim": Try(lambda: life.record("ready", {}, "second"), "ready", set()),
    "release": Try(lambda: life.release(NOW), "ready", {"held"}),
    "reopen": Try(life.reopen, "expected", {"too costly"}),
    "remove": Try(lambda: life.remove("demo", "key", NOW), "removed", set(START) - {"removed", "final"}),
    "remove without a tenant": Try(lambda: life.remove(None, None, NOW), "removed", set(START) - {"removed", "final"}),
    "remove another tenant's": Try(lambda: life.remove("studio", None, NOW), "removed", {"absent"}),
    "finish": Try(lambda: life.finish(AFTER_FINAL), "removed", {"removed"}),
    "finish too early": Try(lambda: life.finish(AFTER_FINAL - timedelta(seconds=1)), "removed", set()),
}


@pytest.fixture(scope="module")
def images() -> Iterator[ImagesTable]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        client.create_table(
            TableName="images",
            KeySchema=[{"AttributeName": "image_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "image_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield ImagesTable(client, "images")


@pytest.fixture
def in_state(images: ImagesTable) -> Callable[[str], dict[str, Any] | None]:
    """Bring the image into a state; return its row."""

    def bring(start: str) -> dict[str, Any] | None:
        images._client.delete_item(TableName="images", Key={"image_id": {"S": IMAGE_ID}})
        row = None
        for transition in START[start]:
            applied = images.apply(IMAGE_ID, transition)
            assert applied.done
            row = applied.row
        return row

    return bring


@pytest.mark.parametrize("start", START)
@pytest.mark.parametrize("name", TRIES)
def test_transitions(images: ImagesTable, in_state, start: str, name: str) -> None:
    attempt, before = TRIES[name], in_state(start)
    done, row = images.apply(IMAGE_ID, attempt.transition())
    assert done == (start in attempt.allowed)
    assert images.find(IMAGE_ID, now=True) == row
    if done:
        assert row is not None
        assert row["state"] == attempt.to
    else:
        assert row == before, "a refusal names the row that refused, and changes nothing"


@pytest.mark.parametrize(
    ("start", "original", "claim_id", "now", "expected"),
    [
        ("processing", ORIGINAL, "second", NOW, "busy"),
        ("processing", SAME_BYTES, "second", LATER, "extra"),
        ("processing", OTHER_BYTES, "second", LATER, "other"),
        ("pinned", OTHER_BYTES, "second", NOW, "other"),
        ("ready", ORIGINAL, "second", NOW, "again"),
        ("ready", ORIGINAL, "first", NOW, "again"),
        ("ready", SAME_BYTES, "second", NOW, "extra"),
        ("ready", OTHER_BYTES, "second", NOW, "other"),
        ("rejected", ORIGINAL, "second", NOW, "again"),
        ("held", ORIGINAL, "second", NOW, "again"),
        ("removed", ORIGINAL, "second", NOW, "removed"),
        ("final", OTHER_BYTES, "second", NOW, "removed"),
    ],
)
def test_what_a_refused_arrival_is(images: ImagesTable, in_state, start, original, claim_id, now, expected) -> None:
    in_state(start)
    done, row = images.apply(IMAGE_ID, claim(original, claim_id, now))
    assert not done
    assert row is not None
    assert life.classify_arrival(row, original, claim_id, now) == expected


@pytest.mark.parametrize(
    ("start", "etag", "wanted"),
    [
        ("absent", "e1", False),
        ("expected", "e1", False),
        ("pinned", "e1", True),
        ("pinned", "e3", False),
        ("processing", "e1", True),
        ("processing", "e3", False),
        ("ready", "e1", True),
        ("ready", "e3", False),
        ("rejected", "e1", False),
        ("held", "e1", False),
        ("removed", "e1", False),
    ],
)
def test_whose_pixels_are_wanted(in_state, start: str, etag: str, wanted: bool) -> None:
    assert life.is_wanted(in_state(start), etag) is wanted


def test_a_tombstone_forgets_the_picture(images: ImagesTable, in_state) -> None:
    in_state("processing")
    images.apply(IMAGE_ID, life.record("ready", {"metadata": {"width": 1}, "derivatives": {}}, "first"))
    row = images.apply(IMAGE_ID, life.remove("demo", None, NOW)).row
    assert row == {
        "image_id": IMAGE_ID, "tenant": "demo", "key": ORIGINAL["key"], "bytes": 9,
        "requested_at": UPLOAD["requested_at"], "state": "removed", "removed_at": life.format_instant(NOW),
        "expires_at": int((NOW + timedelta(days=life.TOMBSTONE_DAYS)).timestamp()),
    }  # fmt: skip


def test_an_expired_row_counts_as_none_but_still_refuses(images: ImagesTable, in_state) -> None:
    long_ago = NOW - timedelta(days=life.TOMBSTONE_DAYS + 1)
    in_state("absent")
    images.apply(IMAGE_ID, life.remove("demo", "key", long_ago))
    assert images.find(IMAGE_ID, now=True) is None
    done, row = images.apply(IMAGE_ID, claim())
    assert not done
    assert row is not None
    assert row["state"] == "removed"


def test_pictures_awaited_expire_and_those_that_arrived_do_not(in_state) -> None:
    assert in_state("expected")["expires_at"] == int((NOW + timedelta(days=life.EXPECTED_DAYS)).timestamp())
    assert "expires_at" not in in_state("processing")


@pytest.mark.parametrize(
    ("row", "past"),
    [
        ({"state": "expected"}, False),
        ({"state": "expected", "original": ORIGINAL}, False),
        ({"state": "expected", "original": OTHER_BYTES}, True),
        ({"state": "processing", "original": ORIGINAL}, False),
        ({"state": "processing", "original": SAME_BYTES}, True),
        ({"state": "ready", "original": ORIGINAL}, True),
        ({"state": "rejected", "original": ORIGINAL}, True),
        ({"state": "held", "original": ORIGINAL}, True),
        ({"state": "removed"}, True),
    ],
)
def test_an_arrival_that_can_change_nothing_is_past(row: dict[str, Any], past: bool) -> None:
    assert life.is_past(row, "v1") is past
