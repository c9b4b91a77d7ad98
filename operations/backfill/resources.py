"""What a stage deployed for backfills, looked up and opened."""

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from lambdas.core.settings import EDGE_REGION, Settings
from lambdas.core.stores.images import ImagesTable
from operations.backfill.jobs import Jobs
from operations.backfill.run_state import Shelf
from operations.discovery import look_up

# A job's own requests are few; while others wear out the account's rate, ours wait.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 8}, max_pool_connections=32)


@dataclass(frozen=True, slots=True)
class BackfillPlaces:
    """The function, the role and the bucket of the jobs, and where pictures and reports are."""

    settings: Settings
    function_arn: str
    role_arn: str
    papers: str
    originals: str
    images: str
    reports: str

    @classmethod
    def find(cls, settings: Settings) -> "BackfillPlaces":
        """Look up what the stage of ``settings`` deployed.

        Raises:
            NotDeployedError: something is missing.
        """
        things = {
            "function_arn": "backfill-function-arn",
            "role_arn": "backfill-role-arn",
            "papers": "backfill-bucket",
            "originals": "originals-bucket",
            "images": "images-table",
        }
        return cls(
            settings,
            **look_up(settings, things, settings.regions.primary),
            **look_up(settings, {"reports": "reports-bucket"}, EDGE_REGION),
        )

    def client(self, service: str) -> Any:
        """Return a client of ``service`` in the primary region."""
        return boto3.client(service, region_name=self.settings.regions.primary, config=_CONFIG)  # type: ignore[call-overload]

    def table(self) -> ImagesTable:
        """Return the images table."""
        return ImagesTable(self.client("dynamodb"), self.images)

    def shelf(self) -> Shelf:
        """Return where the books of runs stand."""
        return Shelf(self.client("s3"), self.papers)

    def jobs(self) -> Jobs:
        """Return the jobs of S3 Batch Operations."""
        return Jobs(self.client("s3control"), self.role_arn, self.papers)
