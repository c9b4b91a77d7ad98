"""Originals and their records put where they belong without the pipeline, many in a short time."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import samples
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from infra.local.stack import LocalStack
from lambdas.core.keys import ImageId, OriginalKey, Variant, new_image_id

_AT_ONCE = 8
_PER_WRITE = 25  # BatchWriteItem's limit
WIDTH, HEIGHT = 96, 64


@dataclass(frozen=True)
class Picture:
    """An original whose record says that it is ready; a broken one's bytes were lost since."""

    key: OriginalKey
    broken: bool

    @property
    def image_id(self) -> ImageId:
        return self.key.image_id


@contextmanager
def planted(
    stack: LocalStack, tenant: str, day: str, count: int, *, broken: int = 0, made: Sequence[Variant] = ()
) -> Iterator[list[Picture]]:
    """Have ``count`` pictures of ``tenant`` uploaded on ``day``, of which ``made`` are recorded; gone afterwards."""
    keys = [OriginalKey.parse(f"{tenant}/{day}/{new_image_id(tenant=tenant)}") for _ in range(count)]
    pictures = [Picture(key, number < broken) for number, key in enumerate(keys)]
    whole = samples.jpeg(WIDTH, HEIGHT)
    with _unnoticed(stack):
        _put(stack, pictures, whole)
    _record(stack, pictures, whole, made)
    try:
        yield pictures
    finally:
        _forget(stack, pictures)


@contextmanager
def _unnoticed(stack: LocalStack) -> Iterator[None]:
    """Have no rule see what is put into the originals bucket."""
    s3, bucket = stack.client("s3"), stack.parameter("originals-bucket")
    before = s3.get_bucket_notification_configuration(Bucket=bucket)
    before.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=before)


def _put(stack: LocalStack, pictures: Sequence[Picture], whole: bytes) -> None:
    s3, bucket = stack.client("s3"), stack.parameter("originals-bucket")

    def put(picture: Picture) -> None:
        body = whole[: len(whole) // 3] if picture.broken else whole
        s3.put_object(Bucket=bucket, Key=str(picture.key), Body=body, IfNoneMatch="*")

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(put, pictures))


def _record(stack: LocalStack, pictures: Sequence[Picture], whole: bytes, made: Sequence[Variant]) -> None:
    etags = {
        False: hashlib.md5(whole, usedforsecurity=False).hexdigest(),
        True: hashlib.md5(whole[: len(whole) // 3], usedforsecurity=False).hexdigest(),
    }
    calibration = stack.settings.formats.calibration
    entry = {"bytes": 1000, "width": WIDTH, "height": HEIGHT, "calibration": calibration}
    items = [
        {
            "image_id": picture.image_id,
            "tenant": picture.key.tenant,
            "uploaded_at": f"{picture.key.uploaded_on}T12:00:00.000Z",
            "recorded_at": f"{picture.key.uploaded_on}T12:00:01.000Z",
            "state": "ready",
            "key": str(picture.key),
            "bytes": len(whole),
            "original": {
                "bucket": stack.parameter("originals-bucket"), "key": str(picture.key), "version_id": None,
                "etag": etags[picture.broken], "bytes": len(whole), "format": "jpeg",
            },
            "timings": {},
            "metadata": {"width": WIDTH, "height": HEIGHT, "format": "jpeg"},
            "derivatives": {str(variant): entry for variant in made},
        }
        for picture in pictures
    ]  # fmt: skip
    serialize = TypeSerializer().serialize
    _write(stack, [{"PutRequest": {"Item": {k: serialize(v) for k, v in item.items()}}} for item in items])


def _forget(stack: LocalStack, pictures: Sequence[Picture]) -> None:
    _write(stack, [{"DeleteRequest": {"Key": {"image_id": {"S": each.image_id}}}} for each in pictures])


def _write(stack: LocalStack, requests: Sequence[dict[str, Any]]) -> None:
    database, table = stack.client("dynamodb"), stack.parameter("images-table")
    for start in range(0, len(requests), _PER_WRITE):
        answer = database.batch_write_item(RequestItems={table: requests[start : start + _PER_WRITE]})
        assert not answer["UnprocessedItems"]


def recorded(stack: LocalStack, pictures: Sequence[Picture]) -> dict[str, dict[str, Any]]:
    """Return the derivatives that are recorded, by image id."""
    database, table = stack.client("dynamodb"), stack.parameter("images-table")
    deserialize, found = TypeDeserializer().deserialize, {}
    for start in range(0, len(pictures), 100):
        keys = [{"image_id": {"S": each.image_id}} for each in pictures[start : start + 100]]
        answer = database.batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})
        for item in answer["Responses"][table]:
            found[item["image_id"]["S"]] = deserialize(item["derivatives"])
    return found


def writes(stack: LocalStack, pictures: Sequence[Picture], variant: str) -> dict[str, int]:
    """Return how often a variant of each picture was written."""
    s3, bucket = stack.client("s3"), stack.parameter("derivatives-bucket")

    def count(picture: Picture) -> int:
        listed = s3.list_object_versions(Bucket=bucket, Prefix=f"{picture.image_id}/{variant}")
        return len(listed.get("Versions", []))

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return dict(zip((each.image_id for each in pictures), threads.map(count, pictures), strict=True))
