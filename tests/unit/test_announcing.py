"""Which originals are announced to their lane again, and which pictures are reopened for it."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from image_stores import ImageStores, image_stores

from lambdas.core import life
from lambdas.core.keys import MalformedKeyError, OriginalKey, new_image_id
from operations.dead_letters.announcing import Announcer, NotAnnouncedError

NOW = datetime.now(UTC)
Prepare = Callable[[ImageStores, OriginalKey], None]


@pytest.fixture
def stores() -> Iterator[ImageStores]:
    with image_stores() as found:
        yield found


@pytest.fixture
def announcer(stores: ImageStores) -> Announcer:
    return Announcer(stores.settings, stores.inventory, stores.images, stores.lanes)


def new_key(tenant: str = "demo") -> OriginalKey:
    return OriginalKey(tenant, date(2026, 11, 23), new_image_id())


def unrecorded(stores: ImageStores, key: OriginalKey) -> None:
    stores.put(key)


def expected(stores: ImageStores, key: OriginalKey) -> None:
    stores.expect(key)
    stores.put(key)


def not_arrived(stores: ImageStores, key: OriginalKey) -> None:
    stores.expect(key)


def deleted(stores: ImageStores, key: OriginalKey) -> None:
    stores.put(key)
    stores.s3.delete_object(Bucket="originals", Key=str(key))


def claimed(seconds_ago: int) -> Prepare:
    def prepare(stores: ImageStores, key: OriginalKey) -> None:
        stores.claim(key, stores.put(key), NOW - timedelta(seconds=seconds_ago))

    return prepare


def recorded(outcome: life.Outcome, code: str = "") -> Prepare:
    def prepare(stores: ImageStores, key: OriginalKey) -> None:
        stores.record(key, stores.put(key), outcome, code)

    return prepare


def expired(stores: ImageStores, key: OriginalKey) -> None:
    """The recorded version was deleted after the same bytes were put again."""
    original = stores.put(key)
    stores.record(key, original, "ready")
    stores.put(key)
    stores.s3.delete_object(Bucket="originals", Key=str(key), VersionId=original["version_id"])


def overwritten(stores: ImageStores, key: OriginalKey) -> None:
    stores.record(key, stores.put(key), "rejected", "corrupt")
    stores.put(key, b"others")


def removed(stores: ImageStores, key: OriginalKey) -> None:
    stores.record(key, stores.put(key), "ready")
    stores.apply(key.image_id, life.remove(None, None, NOW))


def returned(stores: ImageStores, key: OriginalKey) -> None:
    removed(stores, key)
    stores.put(key)


@pytest.mark.parametrize("tenant", ["demo", "studio"])
@pytest.mark.parametrize(
    ("prepare", "reopens"),
    [
        (unrecorded, False),
        (expected, False),
        (claimed(seconds_ago=3600), False),
        (expired, False),
        (overwritten, False),
        (recorded("rejected", "too_costly"), True),
    ],
    ids=["unrecorded", "expected", "lapsed", "expired", "overwritten", "too-costly"],
)
def test_an_original_that_waits_is_announced_to_its_lane(
    stores: ImageStores, announcer: Announcer, prepare: Prepare, reopens: bool, tenant: str
) -> None:
    key = new_key(tenant)
    prepare(stores, key)
    before = stores.images.find(key.image_id)
    found = announcer.check(str(key), NOW)
    assert (found.key, found.lane, found.reopens) == (key, {"demo": "shared"}.get(tenant, tenant), reopens)
    assert stores.images.find(key.image_id) == before

    announcer.announce(found)
    announcer.announce(found)  # as a retry does
    assert stores.sent(found.lane) == 2
    row = stores.images.find(key.image_id)
    if reopens:
        assert row and row["state"] == "expected" and "rejection" not in row
    else:
        assert row == before
    if before is not None:
        assert announcer.check(key.image_id, NOW).key == key


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (not_arrived, "No original demo/2026-11-23/"),
        (deleted, "No original demo/2026-11-23/"),
        (claimed(seconds_ago=0), " is processing, until "),
        (recorded("ready"), "expected an image that is expected, or rejected as too_costly, but {id} is ready"),
        (recorded("held"), "{id} is held"),
        (recorded("rejected", "corrupt"), "{id} is rejected (corrupt)"),
        (removed, "{id} is removed"),
        (returned, "{id} is removed"),
    ],
    ids=["not-arrived", "deleted", "processing", "ready", "held", "rejected", "removed", "returned"],
)
def test_others_are_refused_with_their_state(
    stores: ImageStores, announcer: Announcer, prepare: Prepare, message: str
) -> None:
    key = new_key()
    prepare(stores, key)
    with pytest.raises(NotAnnouncedError) as refused:
        announcer.check(str(key), NOW)
    assert message.format(id=key.image_id) in str(refused.value)


def test_an_original_under_another_key_is_refused(stores: ImageStores, announcer: Announcer) -> None:
    key = new_key()
    expected(stores, key)
    other = OriginalKey("studio", key.uploaded_on, key.image_id)
    stores.put(other)
    with pytest.raises(NotAnnouncedError, match=f"expected the original {key} for {key.image_id} but received {other}"):
        announcer.check(str(other), NOW)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("demo/nonsense", MalformedKeyError, "expected tenant/yyyy-mm-dd/imageId"),
        ("nonsense", MalformedKeyError, "32 lower-case hex digits"),
        ("0" * 32, NotAnnouncedError, "No original is recorded of 0{32}: name it by its key"),
    ],
)
def test_wrong_names_are_refused(announcer: Announcer, name: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        announcer.check(name, NOW)


def test_a_picture_that_was_taken_down_meanwhile_is_not_announced(stores: ImageStores, announcer: Announcer) -> None:
    key = new_key()
    recorded("rejected", "too_costly")(stores, key)
    found = announcer.check(str(key), NOW)
    stores.apply(key.image_id, life.remove(None, None, NOW))
    with pytest.raises(NotAnnouncedError, match="to be rejected but it is removed"):
        announcer.announce(found)
    assert stores.sent(found.lane) == 0
