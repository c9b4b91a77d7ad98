"""Read-only listings of originals, records and derivatives."""

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from lambdas.core.keys import ImageId, MalformedKeyError, OriginalKey, parse_image_id
from lambdas.core.life import State

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_BY_TENANT = "by-tenant"
_KEYS_AT_ONCE = 100  # BatchGetItem's limit
_WAIT_SECONDS = 0.5
_RECORD_FIELDS = (
    "image_id",
    "tenant",
    "state",
    "key",
    "original",
    "claimed_until",
    "rejection",
    "removed_at",
    "final_at",
    "metadata.animation",
    "metadata.hdr",
    "metadata.gamut",
)
_NAMES = {f"#{name}": name for field in _RECORD_FIELDS for name in field.split(".")}  # some are reserved words
_PROJECTION = ", ".join(".".join(f"#{name}" for name in field.split(".")) for field in _RECORD_FIELDS)
T = TypeVar("T")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield ``items`` in lists of up to ``size``."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


@dataclass(frozen=True, slots=True)
class StoredOriginal:
    """An original in its bucket: the ETag of each version, and the current one's id, None if it was deleted.

    A bucket without versioning has one version, ``None``. ``stored_at`` is of the newest version or delete marker.
    """

    key: OriginalKey
    stored_at: datetime
    etags: Mapping[str | None, str]
    current: str | None = None
    deleted: bool = False

    @property
    def current_etag(self) -> str | None:
        """The ETag of the current version; None if there is none."""
        return None if self.deleted else self.etags.get(self.current)


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """The attributes of an image's row that operations need.

    ``original_key`` is None only in the tombstone of a picture of which no more was known than its id; ``etag`` and
    ``version_id`` are those of the original that the row is bound to, None before it has arrived.
    """

    image_id: ImageId
    tenant: str
    """Empty if the row has none."""
    state: State
    original_key: str | None
    etag: str | None = None
    version_id: str | None = None
    claimed_until: datetime | None = None
    rejection: str | None = None
    """The code of why it was rejected."""
    removed_at: datetime | None = None
    final: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What derivatives keep of its motion, range and colours: ``animation``, ``hdr`` and ``gamut``."""

    @property
    def ready(self) -> bool:
        """Whether it is served."""
        return self.state == "ready"

    def names_current(self, original: StoredOriginal) -> bool:
        """Return whether the version that it is bound to is the current one of ``original``."""
        return self.etag == original.current_etag and self.version_id in (None, original.current)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "ImageRecord":
        """Read a row of the images table, in DynamoDB's attribute format."""
        original = item.get("original", {}).get("M", {})
        claimed, removed = item.get("claimed_until", {}).get("N"), item.get("removed_at", {}).get("S")
        return cls(
            image_id=ImageId(item["image_id"]["S"]),
            tenant=item.get("tenant", {}).get("S", ""),
            state=item.get("state", {}).get("S", "expected"),
            original_key=(item.get("key") or original.get("key") or {}).get("S"),
            etag=original.get("etag", {}).get("S"),
            version_id=original.get("version_id", {}).get("S"),
            claimed_until=datetime.fromtimestamp(int(claimed), UTC) if claimed else None,
            rejection=item.get("rejection", {}).get("M", {}).get("code", {}).get("S"),
            removed_at=datetime.fromisoformat(removed) if removed else None,
            final="final_at" in item,
            metadata={
                name: value["S"] for name, value in item.get("metadata", {}).get("M", {}).items() if "S" in value
            },
        )


@dataclass(frozen=True, slots=True)
class StoredDerivative:
    """A derivative in a bucket; copies with the same bytes have the same ETag."""

    etag: str
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class DerivativesBucket:
    """One of the two buckets of derivatives."""

    s3: "S3Client"
    name: str

    def of_image(self, image_id: ImageId) -> dict[str, StoredDerivative]:
        """Return an image's derivatives by the name of their variant, such as ``1024x0.avif``.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        folder = f"{image_id}/"
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=folder)
        return {
            item["Key"].removeprefix(folder): StoredDerivative(item["ETag"], item["LastModified"])
            for page in pages
            for item in page.get("Contents", [])
        }

    def image_ids(self) -> Iterator[ImageId]:
        """Yield the id of every image that has a derivative here.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Delimiter="/"):
            for folder in page.get("CommonPrefixes", []):
                try:
                    yield parse_image_id(folder["Prefix"].removesuffix("/"))
                except MalformedKeyError:
                    continue  # not a derivative


@dataclass(frozen=True, slots=True)
class Inventory:
    """The buckets and the table that hold pictures and their records."""

    s3: "S3Client"
    originals_bucket: str
    dynamodb: "DynamoDBClient"
    images_table: str
    primary: DerivativesBucket
    replica: DerivativesBucket

    def originals(self, tenant: str, day: date) -> Iterator[StoredOriginal]:
        """Yield the originals of ``tenant`` with ``day`` in their key, deleted ones with versions left too.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        yield from self._originals(f"{tenant}/{day.isoformat()}/")

    def original(self, key: str) -> StoredOriginal | None:
        """Return an original, deleted ones with versions left too; None if nothing is left of it.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        return next((found for found in self._originals(key) if str(found.key) == key), None)

    def _originals(self, prefix: str) -> Iterator[StoredOriginal]:
        etags: dict[str, dict[str | None, str]] = {}
        newest: dict[str, Mapping[str, Any]] = {}
        deleted: set[str] = set()
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.originals_bucket, Prefix=prefix)
        for page in pages:
            for version in page.get("Versions", []):
                etags.setdefault(version["Key"], {})[_version_id(version)] = version["ETag"].strip('"')
                if version["IsLatest"]:
                    newest[version["Key"]] = version
            for marker in page.get("DeleteMarkers", []):
                etags.setdefault(marker["Key"], {})
                if marker["IsLatest"]:
                    newest[marker["Key"]] = marker
                    deleted.add(marker["Key"])
        for key, versions in etags.items():
            try:
                parsed = OriginalKey.parse(key)
            except MalformedKeyError:
                continue  # the pipeline ignores such a key too
            latest = newest[key]
            yield StoredOriginal(parsed, latest["LastModified"], versions, _version_id(latest), key in deleted)

    def records(self, tenant: str, day: date) -> Iterator[ImageRecord]:
        """Yield the records of ``tenant`` whose original arrived on ``day`` (UTC), once their processing has begun.

        Raises:
            ClientError: the table cannot be read; a retry may help.
        """
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.images_table,
            IndexName=_BY_TENANT,
            KeyConditionExpression="tenant = :tenant AND uploaded_at BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":tenant": {"S": tenant},
                ":first": {"S": day.isoformat()},
                ":last": {"S": (day + timedelta(days=1)).isoformat()},
            },
            ExpressionAttributeNames=_NAMES,
            ProjectionExpression=_PROJECTION,
        )
        for page in pages:
            yield from map(ImageRecord.from_item, page["Items"])

    def records_of(self, tenant: str, at_once: int) -> list[ImageRecord]:
        """Return every record of ``tenant`` in any state, by reading the whole table in ``at_once`` parts.

        The index leaves out pictures that have not arrived and those that were removed.

        Raises:
            ClientError: the table cannot be read; a retry may help.
        """
        return self._scan("tenant = :tenant", {":tenant": {"S": tenant}}, at_once)

    def unfinished(self, at_once: int) -> list[ImageRecord]:
        """Return the tombstones whose takedown is not final, by reading the whole table in ``at_once`` parts.

        Raises:
            ClientError: the table cannot be read; a retry may help.
        """
        return self._scan(
            "#state = :removed AND attribute_not_exists(#final_at)", {":removed": {"S": "removed"}}, at_once
        )

    def _scan(self, condition: str, values: Mapping[str, Any], at_once: int) -> list[ImageRecord]:
        def segment(number: int) -> list[ImageRecord]:
            pages = self.dynamodb.get_paginator("scan").paginate(
                TableName=self.images_table,
                Segment=number,
                TotalSegments=at_once,
                FilterExpression=condition,
                ExpressionAttributeValues=values,
                ExpressionAttributeNames=_NAMES,
                ProjectionExpression=_PROJECTION,
            )
            return [ImageRecord.from_item(item) for page in pages for item in page["Items"]]

        with ThreadPoolExecutor(at_once) as threads:
            return [record for found in threads.map(segment, range(at_once)) for record in found]

    def find(self, image_ids: Iterable[ImageId]) -> dict[ImageId, ImageRecord]:
        """Return the current records of ``image_ids``, by consistent reads; ids without a record are left out.

        Raises:
            ClientError: the table cannot be read; a retry may help.
        """
        found: dict[ImageId, ImageRecord] = {}
        for batch in batches(image_ids, _KEYS_AT_ONCE):
            wanted: Mapping[str, Any] = {
                self.images_table: {
                    "Keys": [{"image_id": {"S": image_id}} for image_id in batch],
                    "ConsistentRead": True,
                    "ExpressionAttributeNames": _NAMES,
                    "ProjectionExpression": _PROJECTION,
                }
            }
            while wanted:
                response = self.dynamodb.batch_get_item(RequestItems=wanted)
                records = map(ImageRecord.from_item, response["Responses"].get(self.images_table, []))
                found.update((record.image_id, record) for record in records)
                wanted = response.get("UnprocessedKeys", {})
                if wanted:
                    time.sleep(_WAIT_SECONDS)
        return found


def _version_id(version: Mapping[str, Any]) -> str | None:
    # In a bucket without versioning, S3 calls the version "null".
    return None if version["VersionId"] == "null" else version["VersionId"]
