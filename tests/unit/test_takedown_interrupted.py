"""A takedown that AWS throttles at any of its calls goes on when it is asked again, and is not final before its end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError
from image_stores import ImageStores, image_stores

from lambdas.core import life
from lambdas.core.keys import ImageId, OriginalKey, new_image_id
from lambdas.core.life import FINAL_SECONDS
from lambdas.core.stores.derivatives import FOCUS_VERSION
from lambdas.core.takedown import BusyEdgeError, Sweep, Target, UnknownImageError


@contextmanager
def throttled(stores: ImageStores, at: int) -> Iterator[list[str]]:
    """Have AWS throttle call number ``at`` of those in this block, and every one after it; list those before."""
    calls: list[str] = []

    def before_call(model: Any, **_: Any) -> None:
        if len(calls) >= at:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Slow down"}}, model.name)
        calls.append(model.name)

    clients = (stores.s3, stores.sqs, stores.inventory.dynamodb)
    for client in clients:
        client.meta.events.register("before-call", before_call)
    try:
        yield calls
    finally:
        for client in clients:
            client.meta.events.unregister("before-call", before_call)


def ready(stores: ImageStores) -> OriginalKey:
    key = OriginalKey("demo", date(2026, 11, 23), new_image_id())
    stores.record(key, stores.put(key), "ready")
    for bucket in ("derivatives", "replica"):
        stores.s3.put_object(Bucket=bucket, Key=f"{key.image_id}/256x0.avif", Body=b"pixels")
    return key


def left(stores: ImageStores) -> int:
    pages = [stores.s3.list_object_versions(Bucket=bucket) for bucket in ("originals", "derivatives", "replica")]
    return sum(len(page.get("Versions", [])) + len(page.get("DeleteMarkers", [])) for page in pages)


@pytest.fixture(scope="module")
def stores() -> Iterator[ImageStores]:
    with image_stores() as made:
        yield made


def test_a_throttled_takedown_goes_on(stores: ImageStores) -> None:
    for at in count():
        key = ready(stores)
        with throttled(stores, at) as calls, suppress(ClientError):
            stores.resources.remove([Target(key.image_id, "demo")])
        row = stores.images.find(key.image_id, now=True)
        assert row is not None
        assert row["state"] == ("removed" if calls else "ready"), calls
        assert "final_at" not in row
        (removed,) = stores.resources.remove([Target(key.image_id, "demo")])
        assert removed.final_at is None
        assert left(stores) == 0
        if len(calls) < at:  # it was not throttled
            assert calls[:2] == ["UpdateItem", "SendMessage"], "expected the tombstone, then the sweep, then erasing"
            return


def test_a_throttled_sweep_is_final_only_at_its_end(stores: ImageStores) -> None:
    for at in count():
        key = ready(stores)
        stores.resources.remove([Target(key.image_id, "demo")])
        stores.s3.put_object(Bucket="derivatives", Key=f"{key.image_id}/1024x0.avif", Body=b"late")
        due = datetime.now(UTC) + timedelta(seconds=FINAL_SECONDS)
        sweep = Sweep(image_id=key.image_id, original_key=str(key))
        with throttled(stores, at) as calls, suppress(ClientError):
            stores.resources.sweep(sweep, due)
        row = stores.images.find(key.image_id, now=True)
        assert row is not None
        assert ("final_at" in row) == ("UpdateItem" in calls), calls
        assert stores.resources.sweep(sweep, due) == 0
        (again,) = stores.resources.remove([Target(key.image_id, "demo")])
        assert again.final_at is not None
        assert left(stores) == 0
        if len(calls) < at:
            assert calls[-1] == "UpdateItem"
            return


class RecordingEdge:
    """An edge that notes what it is told to forget; it takes nothing while it is busy."""

    def __init__(self, *, busy: bool = False) -> None:
        self.busy = busy
        self.invalidated: list[ImageId] = []

    def invalidate(self, image_ids: Sequence[ImageId]) -> str | None:
        if self.busy:
            raise BusyEdgeError
        self.invalidated += image_ids
        return "I1"


def test_a_takedown_is_not_final_before_the_edge_took_its_invalidation(stores: ImageStores) -> None:
    key, edge = ready(stores), RecordingEdge(busy=True)
    resources = replace(stores.resources, edge=edge)
    due = datetime.now(UTC) + timedelta(seconds=FINAL_SECONDS)
    sweep = Sweep(image_id=key.image_id, original_key=str(key))

    (removed,) = resources.remove([Target(key.image_id, "demo")])
    assert (removed.invalidation, removed.final_at, left(stores)) == (None, None, 0)
    assert resources.sweep(sweep, due) > 0, "to be tried again"
    assert "final_at" not in (stores.images.find(key.image_id, now=True) or {})

    edge.busy = False
    assert resources.sweep(sweep, due) == 0
    assert edge.invalidated == [key.image_id]
    (again,) = resources.remove([Target(key.image_id, "demo")])
    assert again.final_at is not None


def test_an_early_sweep_erases_what_a_killed_function_left(stores: ImageStores) -> None:
    key, edge = ready(stores), RecordingEdge()
    stores.resources.remove([Target(key.image_id, "demo")])
    resources = replace(stores.resources, edge=edge)
    sweep = Sweep(image_id=key.image_id, original_key=str(key))
    assert resources.sweep(sweep, datetime.now(UTC)) > FINAL_SECONDS - 60
    assert not edge.invalidated, "expected nothing to be invalidated where nothing was left"

    stores.s3.put_object(Bucket="derivatives", Key=f"{key.image_id}/1024x0.avif", Body=b"late")
    assert resources.sweep(sweep, datetime.now(UTC)) > FINAL_SECONDS - 60
    assert left(stores) == 0
    assert edge.invalidated == [key.image_id], "expected the edge to forget what viewers may have been shown"
    row = stores.images.find(key.image_id, now=True)
    assert row is not None
    assert "final_at" not in row


def test_nothing_of_an_unknown_image_is_erased(stores: ImageStores) -> None:
    key = OriginalKey("demo", date(2026, 11, 23), new_image_id())
    stores.put(key)
    before = left(stores)
    with pytest.raises(UnknownImageError, match=f"No image {key.image_id}"):
        stores.resources.erase_unwanted(Sweep(image_id=key.image_id, original_key=str(key)))
    assert left(stores) == before


def test_only_crops_of_an_older_focus_are_erased(stores: ImageStores) -> None:
    key = ready(stores)
    image_id, sweep = key.image_id, Sweep(image_id=key.image_id, original_key=str(key))
    assert stores.images.add_derivatives(image_id, {"256x256.webp": {"bytes": 3}, "256x0.webp": {"bytes": 3}}, 0)
    row = stores.images.find(image_id, now=True)
    assert row
    stores.apply(image_id, life.refocus(row, {"x": 0.2, "y": 0.4}, datetime.now(UTC)))
    assert not stores.images.apply(image_id, life.refocus(row, None, datetime.now(UTC))).done, "expected a newer row"
    for variant, version in (("256x256.webp", 0), ("512x512.webp", 0), ("512x512.webp", 1), ("1024x0.avif", 0)):
        metadata = {FOCUS_VERSION: str(version)} if version else {}
        for bucket in ("derivatives", "replica"):
            stores.s3.put_object(Bucket=bucket, Key=f"{image_id}/{variant}", Body=b"pixels", Metadata=metadata)
    erased = stores.resources.erase_unwanted(sweep)
    assert (erased.originals, erased.by_bucket) == (0, (2, 2))
    shown = stores.s3.list_objects_v2(Bucket="derivatives", Prefix=f"{image_id}/")["Contents"]
    names = [each["Key"].rpartition("/")[2] for each in shown]
    assert names == ["1024x0.avif", "256x0.avif", "512x512.webp"]
    now = stores.images.find(image_id, now=True)
    assert now
    assert (list(now["derivatives"]), now["focus"], now["state"]) == (["256x0.webp"], {"x": 0.2, "y": 0.4}, "ready")
    assert not stores.images.add_derivatives(image_id, {"256x256.webp": {"bytes": 3}}, 0), "expected the newer focus"
    assert stores.images.add_derivatives(image_id, {"256x256.webp": {"bytes": 3}}, 1)
    assert stores.resources.sweep(sweep, datetime.now(UTC)) > FINAL_SECONDS - 60
    assert stores.resources.sweep(sweep, datetime.now(UTC) + timedelta(seconds=FINAL_SECONDS)) == 0


def test_another_images_original_is_not_erased() -> None:
    mine, others = (OriginalKey("demo", date(2026, 11, 23), new_image_id()) for _ in range(2))
    with pytest.raises(ValueError, match="expected the key of"):
        Sweep(image_id=mine.image_id, original_key=str(others))


def test_the_first_sweep_comes_soon(stores: ImageStores) -> None:
    delays: list[int] = []

    def note_delay(params: Any, **_: Any) -> None:
        delays.append(params["DelaySeconds"])

    event = "provide-client-params.sqs.SendMessage"
    stores.sqs.meta.events.register(event, note_delay)
    try:
        stores.resources.remove([Target(ready(stores).image_id, "demo")])
    finally:
        stores.sqs.meta.events.unregister(event, note_delay)
    assert delays == [60]
