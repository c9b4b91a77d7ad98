"""Where a stage keeps its pictures, looked up and opened for the operations that need them."""

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from lambdas.core.settings import EDGE_REGION, Settings
from lambdas.core.stores.images import ImagesTable
from lambdas.core.stores.uploads import UploadsTable
from lambdas.core.takedown import CloudFrontCache, ImageResources, VersionedObjects
from operations.discovery import look_up
from operations.inventory import DerivativesBucket, Inventory
from operations.ledger import Ledger

_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 8}, max_pool_connections=64)


@dataclass(frozen=True, slots=True)
class Places:
    """The buckets, tables and distribution of one stage, by their names in AWS."""

    settings: Settings
    originals: str
    derivatives: str
    images: str
    uploads: str
    replica: str
    reports: str
    distribution: str

    @classmethod
    def find(cls, settings: Settings) -> "Places":
        """Look up what the stage of ``settings`` deployed.

        Raises:
            NotDeployedError: something is missing.
        """
        things = {
            "originals": "originals-bucket",
            "derivatives": "derivatives-bucket",
            "images": "images-table",
            "uploads": "uploads-table",
        }
        regions = settings.regions
        return cls(
            settings,
            **look_up(settings, things, regions.primary),
            **look_up(settings, {"replica": "replica-bucket"}, regions.replica),
            **look_up(settings, {"reports": "reports-bucket", "distribution": "distribution-id"}, EDGE_REGION),
        )

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a client of ``service`` in ``region``, the primary one if None."""
        return boto3.client(service, region_name=region or self.settings.regions.primary, config=_CONFIG)  # type: ignore[call-overload]

    def inventory(self) -> Inventory:
        """Return the places as an audit reads them."""
        s3, replica = self.client("s3"), self.client("s3", self.settings.regions.replica)
        return Inventory(
            s3=s3,
            originals_bucket=self.originals,
            dynamodb=self.client("dynamodb"),
            images_table=self.images,
            primary=DerivativesBucket(s3, self.derivatives),
            replica=DerivativesBucket(replica, self.replica),
        )

    def picture_places(self) -> ImageResources:
        """Return the places as a takedown empties them: the upload API's own code."""
        s3, replica = self.client("s3"), self.client("s3", self.settings.regions.replica)
        return ImageResources(
            originals=VersionedObjects(s3, self.originals, self.settings.storage.object_lock),
            derivatives=(VersionedObjects(s3, self.derivatives), VersionedObjects(replica, self.replica)),
            edge=CloudFrontCache(self.client("cloudfront"), self.distribution),
            images=ImagesTable(self.client("dynamodb"), self.images),
        )

    def uploads_table(self) -> UploadsTable:
        """Return the table of uploads that were signed."""
        return UploadsTable(self.client("dynamodb"), self.uploads)

    def ledger(self, kind: str) -> Ledger:
        """Return where operations of a ``kind`` leave what they did in writing."""
        return Ledger(self.client("s3", EDGE_REGION), self.reports, kind)
