"""Read-only listings of originals, records and derivatives."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from lambdas.core.aws_errors import is_missing
from lambdas.core.keys import ImageId, MalformedKeyError, OriginalKey, parse_image_id

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_BY_TENANT = "by-tenant"
_KEYS_AT_ONCE = 100  # BatchGetItem's limit
_WAIT_SECONDS = 0.5
_RECORD_FIELDS = "image_id, outcome, original"
T = TypeVar("T")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield ``items`` in lists of up to ``size``."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


@dataclass(frozen=True, slots=True)
class StoredOriginal:
    """An original in its bucket."""

    key: OriginalKey
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """The attributes of an image's item that operations need."""

    image_id: ImageId
    ready: bool
    original_key: str

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "ImageRecord":
        """Read an item of the images table, in DynamoDB's attribute format."""
        return cls(
            image_id=ImageId(item["image_id"]["S"]),
            ready=item["outcome"]["S"] == "ready",
            original_key=item["original"]["M"]["key"]["S"],
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
        """Yield the originals of ``tenant`` with ``day`` in their key.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        prefix = f"{tenant}/{day.isoformat()}/"
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.originals_bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", []):
                try:
                    yield StoredOriginal(OriginalKey.parse(item["Key"]), item["LastModified"])
                except MalformedKeyError:
                    continue  # the pipeline rejects such a key too

    def has_original(self, key: str) -> bool:
        """Return whether an original exists.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        try:
            self.s3.head_object(Bucket=self.originals_bucket, Key=key)
        except ClientError as error:
            if is_missing(error):
                return False
            raise
        return True

    def records(self, tenant: str, day: date | None = None) -> Iterator[ImageRecord]:
        """Yield the records of ``tenant`` with an original that arrived on ``day`` (UTC), or at any time.

        Raises:
            ClientError: the table cannot be read; a retry may help.
        """
        condition, values = "tenant = :tenant", {":tenant": {"S": tenant}}
        if day is not None:
            condition += " AND uploaded_at BETWEEN :first AND :last"
            values |= {":first": {"S": day.isoformat()}, ":last": {"S": (day + timedelta(days=1)).isoformat()}}
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.images_table,
            IndexName=_BY_TENANT,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ProjectionExpression=_RECORD_FIELDS,
        )
        for page in pages:
            yield from map(ImageRecord.from_item, page["Items"])

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
                    "ProjectionExpression": _RECORD_FIELDS,
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
