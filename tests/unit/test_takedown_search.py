"""Which pictures a takedown finds: by their ids, and all of a tenant, whether or not they have arrived."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from image_stores import ImageStores, image_stores

from lambdas.core.keys import ImageId, OriginalKey, new_image_id
from lambdas.core.life import FINAL_SECONDS
from lambdas.core.takedown import Sweep, Target
from operations.takedown import Search, WrongPicturesError, abort_uploads

DAY = date(2026, 11, 23)


@pytest.fixture
def stores() -> Iterator[ImageStores]:
    with image_stores() as found:
        yield found


@pytest.fixture
def search(stores: ImageStores) -> Search:
    return Search(stores.inventory, stores.resources, reads_at_once=3)


def new_key(tenant: str = "demo") -> OriginalKey:
    return OriginalKey(tenant, DAY, new_image_id())


def target(key: OriginalKey) -> Target:
    return Target(key.image_id, key.tenant, str(key))


def remove(stores: ImageStores, key: OriginalKey, *, final: bool) -> None:
    stores.resources.remove([target(key)])
    if final:
        later = datetime.now(UTC) + timedelta(seconds=FINAL_SECONDS + 1)
        assert stores.resources.sweep(Sweep(image_id=key.image_id, original_key=str(key)), later) == 0


def test_every_picture_of_a_tenant_is_found_in_any_state(stores: ImageStores, search: Search) -> None:
    expected, ready, rejected, unrecorded, deleted, removed, final, back = (new_key() for _ in range(8))
    stores.expect(expected)
    stores.record(ready, stores.put(ready), "ready")
    stores.record(rejected, stores.put(rejected), "rejected", "corrupt")
    stores.put(unrecorded)
    stores.put(deleted)
    stores.s3.delete_object(Bucket="originals", Key=str(deleted))
    for gone in (removed, final, back):
        remove(stores, gone, final=gone is not removed)
    stores.put(back)
    stranger = new_key("studio")
    stores.record(stranger, stores.put(stranger), "ready")
    stores.put(OriginalKey("demo2", DAY, new_image_id()))

    found = search.of_tenant("demo")
    whole = (expected, ready, rejected, unrecorded, deleted, removed, back)
    assert found == sorted((target(key) for key in whole), key=lambda each: each.image_id)

    stores.resources.remove(found)
    assert not list(stores.resources.originals.keys("demo/"))
    assert all((stores.images.find(each.image_id) or {})["state"] == "removed" for each in found)
    assert (stores.images.find(stranger.image_id) or {})["state"] == "ready"


def test_named_pictures_take_key_and_tenant_from_their_records(stores: ImageStores, search: Search) -> None:
    expected, ready, unrecorded = (new_key() for _ in range(3))
    stores.expect(expected)
    stores.record(ready, stores.put(ready), "ready")
    stores.put(unrecorded)
    names = [expected.image_id, ready.image_id]
    in_order = sorted((expected, ready), key=lambda key: key.image_id)
    assert search.named(names) == search.named(names, "demo") == [target(key) for key in in_order]
    assert search.named([unrecorded.image_id], "demo") == [target(unrecorded)]


@pytest.mark.parametrize("bucket", ["derivatives", "replica"])
def test_derivatives_without_a_record_can_be_taken_down(stores: ImageStores, search: Search, bucket: str) -> None:
    image_id = new_image_id()
    stores.s3.put_object(Bucket=bucket, Key=f"{image_id}/256x0.avif", Body=b"x")
    (found,) = search.named([image_id])
    assert found == Target(image_id)
    (removed,) = stores.resources.remove([found])
    assert removed.derivatives == 1
    # Asked again it is found by its tombstone, though that says neither whose it was nor where.
    assert search.named([image_id]) == [Target(image_id)]
    with pytest.raises(WrongPicturesError, match=f"{image_id} is of an unknown tenant"):
        search.named([image_id], "demo")


@pytest.mark.parametrize(
    ("names", "tenant", "message"),
    [
        (["nonsense"], None, "32 lower-case hex digits for an image id but received 'nonsense'"),
        (["ready"], "studio", "expected images of the tenant studio but {ready} is of demo"),
        (["ready", "never"], None, "No image {never}: it has no record and no derivatives"),
        (["never"], "demo", "No image {never}"),
        (["unrecorded"], None, "if it may have an original, name its tenant"),
    ],
)
def test_wrong_pictures_are_refused(
    stores: ImageStores, search: Search, names: list[str], tenant: str | None, message: str
) -> None:
    ready, unrecorded = new_key(), new_key()
    stores.record(ready, stores.put(ready), "ready")
    stores.put(unrecorded)
    known: dict[str, ImageId] = {
        "ready": ready.image_id,
        "unrecorded": unrecorded.image_id,
        "never": new_image_id(),
    }
    with pytest.raises(WrongPicturesError) as refused:
        search.named([known.get(name, name) for name in names], tenant)
    assert message.format_map(known) in str(refused.value)


def test_a_malformed_tenant_is_refused(search: Search) -> None:
    with pytest.raises(WrongPicturesError, match="expected a tenant's name but received 'demo/x'"):
        search.of_tenant("demo/x")


def test_a_tenants_uploads_in_parts_are_aborted(stores: ImageStores) -> None:
    for key in (new_key(), new_key(), new_key("studio")):
        stores.s3.create_multipart_upload(Bucket="originals", Key=str(key))
    assert abort_uploads(stores.s3, "originals", "demo") == 2
    (left,) = stores.s3.list_multipart_uploads(Bucket="originals")["Uploads"]
    assert left["Key"].startswith("studio/")
