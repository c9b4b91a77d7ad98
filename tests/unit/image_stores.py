"""The buckets, the table and the queues that hold images, in memory, with the operations' views of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from moto import mock_aws

from lambdas.core import life
from lambdas.core.keys import ImageId, OriginalKey
from lambdas.core.settings import Settings, load_settings
from lambdas.core.stores.images import ImagesTable
from lambdas.core.takedown import ImageResources, NoCache, SweepQueue, VersionedObjects
from operations.dead_letters.queue import DeadLetterQueue
from operations.inventory import DerivativesBucket, Inventory

_REGION = "us-east-1"
_BUCKETS = ("originals", "derivatives", "replica")


@dataclass(frozen=True)
class ImageStores:
    """Images in memory; buckets are called originals, derivatives and replica."""

    settings: Settings
    s3: Any
    sqs: Any
    images: ImagesTable
    inventory: Inventory
    resources: ImageResources
    lanes: dict[str, DeadLetterQueue]

    def put(self, key: OriginalKey, body: bytes = b"bytes") -> dict[str, Any]:
        """Put a version of an original; return what a row holds of it."""
        answer = self.s3.put_object(Bucket="originals", Key=str(key), Body=body)
        return {
            "bucket": "originals", "key": str(key), "version_id": answer["VersionId"],
            "etag": answer["ETag"].strip('"'), "bytes": len(body), "format": "jpeg",
        }  # fmt: skip

    def expect(self, key: OriginalKey) -> None:
        """Write the row of a signed upload."""
        upload = {"tenant": key.tenant, "key": str(key), "bytes": 5, "requested_at": "2026-11-23T12:00:00.000Z"}
        self.apply(key.image_id, life.expect(upload, datetime.now(UTC)))

    def claim(self, key: OriginalKey, original: dict[str, Any], now: datetime) -> None:
        """Have an execution claim an original for a minute."""
        arrived = {"tenant": key.tenant, "key": str(key), "uploaded_at": life.format_instant(now)}
        self.apply(key.image_id, life.claim(original, arrived, life.Claim.starting("one", now, 60), now))

    def record(self, key: OriginalKey, original: dict[str, Any], outcome: life.Outcome, code: str = "") -> None:
        """Have an execution record the outcome of an original, rejected with ``code`` if that is given."""
        self.claim(key, original, datetime.now(UTC))
        results = {"recorded_at": "2026-11-23T12:00:03.000Z", "metadata": {}, "derivatives": {}}
        rejection = {"rejection": {"code": code, "message": "…"}} if code else {}
        self.apply(key.image_id, life.record(outcome, {**results, **rejection}, "one"))

    def apply(self, image_id: ImageId, transition: life.Transition) -> None:
        """Write a transition that must be allowed."""
        assert self.images.apply(image_id, transition).done

    def sent(self, lane: str) -> int:
        """Return how many messages wait in a lane's queue."""
        attribute = "ApproximateNumberOfMessages"
        url = self.sqs.get_queue_url(QueueName=f"lane-{lane}-queue-url")["QueueUrl"]
        return int(self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])["Attributes"][attribute])


@contextmanager
def image_stores() -> Iterator[ImageStores]:
    """Have empty stores of the stage dev."""
    settings = load_settings(stage="dev")
    with mock_aws():
        s3 = boto3.client("s3", region_name=_REGION)
        dynamodb = boto3.client("dynamodb", region_name=_REGION)
        sqs = boto3.client("sqs", region_name=_REGION)
        for bucket in _BUCKETS:
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        _create_table(dynamodb)
        images = ImagesTable(dynamodb, "images")
        inventory = Inventory(
            s3=s3,
            originals_bucket="originals",
            dynamodb=dynamodb,
            images_table="images",
            primary=DerivativesBucket(s3, "derivatives"),
            replica=DerivativesBucket(s3, "replica"),
        )
        resources = ImageResources(
            originals=VersionedObjects(s3, "originals"),
            derivatives=(VersionedObjects(s3, "derivatives"), VersionedObjects(s3, "replica")),
            edge=NoCache(),
            images=images,
            sweeps=SweepQueue(sqs, sqs.create_queue(QueueName="sweep")["QueueUrl"]),
        )

        def published(thing: str) -> str:
            return thing if thing.endswith("table") else str(sqs.create_queue(QueueName=thing)["QueueUrl"])

        lanes = {lane: DeadLetterQueue(lane, settings, published, sqs, dynamodb) for lane in settings.lane_names}
        yield ImageStores(settings, s3, sqs, images, inventory, resources, lanes)


def _create_table(dynamodb: Any) -> None:
    attributes = ("image_id", "tenant", "uploaded_at")
    dynamodb.create_table(
        TableName="images",
        KeySchema=[{"AttributeName": "image_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in attributes],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-tenant",
                "KeySchema": [
                    {"AttributeName": "tenant", "KeyType": "HASH"},
                    {"AttributeName": "uploaded_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
