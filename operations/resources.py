"""The buckets, tables and functions of a stage, looked up once and opened for the operations that need them."""

from dataclasses import dataclass
from typing import Any, Self

import boto3
from botocore.config import Config

from lambdas.core.settings import EDGE_REGION, Settings
from lambdas.core.stores.images import ImagesTable
from lambdas.core.takedown import CloudFrontCache, ImageResources, SweepQueue, VersionedObjects
from operations.backfill.jobs import Jobs
from operations.backfill.run_state import RunStates
from operations.discovery import look_up
from operations.inventory import DerivativesBucket, Inventory
from operations.ledger import Ledger

_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 8}, max_pool_connections=64)
_PRIMARY = {
    "originals": "originals-bucket",
    "derivatives": "derivatives-bucket",
    "images": "images-table",
    "sweep_queue_url": "sweep-queue-url",
    "backfill_bucket": "backfill-bucket",
    "backfill_function_arn": "backfill-function-arn",
    "backfill_role_arn": "backfill-role-arn",
}


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of one stage, by their names or ARNs in AWS."""

    settings: Settings
    originals: str
    derivatives: str
    images: str
    sweep_queue_url: str
    backfill_bucket: str
    backfill_function_arn: str
    backfill_role_arn: str
    replica: str
    reports: str
    distribution: str

    @classmethod
    def find(cls, settings: Settings) -> Self:
        """Look up what the stage of ``settings`` deployed.

        Raises:
            NotDeployedError: something is missing.
        """
        return cls(
            settings,
            **look_up(settings, _PRIMARY, settings.regions.primary),
            **look_up(settings, {"replica": "replica-bucket"}, settings.regions.replica),
            **look_up(settings, {"reports": "reports-bucket", "distribution": "distribution-id"}, EDGE_REGION),
        )

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a client of ``service`` in ``region``, the primary one if None."""
        return boto3.client(service, region_name=region or self.settings.regions.primary, config=_CONFIG)  # type: ignore[call-overload]

    def images_table(self) -> ImagesTable:
        """Return the images table."""
        return ImagesTable(self.client("dynamodb"), self.images)

    def inventory(self) -> Inventory:
        """Return the listings of originals, records and derivatives."""
        s3, replica = self.client("s3"), self.client("s3", self.settings.regions.replica)
        return Inventory(
            s3=s3,
            originals_bucket=self.originals,
            dynamodb=self.client("dynamodb"),
            images_table=self.images,
            primary=DerivativesBucket(s3, self.derivatives),
            replica=DerivativesBucket(replica, self.replica),
        )

    def image_resources(self) -> ImageResources:
        """Return everything that a takedown erases, for the code that the upload API uses too."""
        s3, replica = self.client("s3"), self.client("s3", self.settings.regions.replica)
        return ImageResources(
            originals=VersionedObjects(s3, self.originals, self.settings.storage.object_lock),
            derivatives=(VersionedObjects(s3, self.derivatives), VersionedObjects(replica, self.replica)),
            edge=CloudFrontCache(self.client("cloudfront"), self.distribution),
            images=self.images_table(),
            sweeps=SweepQueue(self.client("sqs"), self.sweep_queue_url),
        )

    def jobs(self) -> Jobs:
        """Return the jobs of S3 Batch Operations."""
        return Jobs(self.client("s3control"), self.backfill_role_arn, self.backfill_bucket)

    def run_states(self) -> RunStates:
        """Return the states of backfill runs."""
        return RunStates(self.client("s3"), self.backfill_bucket)

    def ledger(self, kind: str) -> Ledger:
        """Return the reports of a ``kind`` of operation."""
        return Ledger(self.client("s3", EDGE_REGION), self.reports, kind)
