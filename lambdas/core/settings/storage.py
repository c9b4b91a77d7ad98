"""Settings for storage: regions, buckets, tables and logs, and how long each keeps what it holds."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lambdas.core.settings.fields import Days, Region, Table

EDGE_REGION = "us-east-1"  # CloudFront takes functions and log deliveries from this region only

# CloudWatch Logs accepts these retention periods and no others.
RetentionDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653]

_SHORTEST_IN_STANDARD = 30  # days before S3 moves an object to infrequent access: "Lifecycle transition constraints"
# Regions with a regional edge cache, where Lambda@Edge runs and logs ("CloudFront edge locations"), beside us-east-1.
_EDGE_CACHE_REGIONS = (
    "us-east-2", "us-west-2", "sa-east-1", "eu-central-1", "eu-west-1", "eu-west-2",
    "ap-south-1", "ap-northeast-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-2",
)  # fmt: skip


class Regions(Table):
    """AWS regions by role. Edge parts are always in us-east-1, where CloudFront requires them."""

    primary: Region = Field(
        default="us-east-1",
        description="Pipeline, originals, derivatives and tables. Choose it before the first deployment.",
    )
    replica: Region = Field(
        default="us-west-2", description="The copy of derivatives that CloudFront falls back to; another region."
    )

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.primary == self.replica:
            raise ValueError(f"expected a replica region other than the primary {self.primary!r}")
        return self


class Storage(Table):
    """Buckets, tables and logs."""

    protected: bool = Field(
        default=True,
        description="Keep data when its stack is deleted; stacks and tables refuse it. False where data may be lost.",
    )
    object_lock: bool = Field(
        default=False, description="Originals are write-once (S3 Object Lock). Only possible when a bucket is created."
    )
    object_lock_days: Days = Field(default=365, description="Days that a locked original cannot be deleted.")
    abandoned_upload_days: Days = Field(default=2, description="Days after which an unfinished upload is deleted.")
    noncurrent_days: Days = Field(
        default=30, description="Days that a deleted or overwritten object can still be recovered."
    )
    originals_class: Literal["standard", "intelligent_tiering", "infrequent_access"] = Field(
        default="standard",
        description="Storage class of older originals, which are rarely read. Change it when they cost much to store.",
    )
    originals_class_days: int = Field(
        default=30, ge=0, description="Age in days at which originals move to that class; 30 for infrequent_access."
    )
    replication_time_control: bool = Field(
        default=False, description="Have S3 guarantee replication within 15 minutes, for a price per GB."
    )
    restore_days: int = Field(
        default=7, ge=1, le=35, description="Days back to which a table can be restored (point-in-time recovery)."
    )
    log_retention_days: RetentionDays = Field(
        default=30, description="Days that logs of functions and state machines are kept."
    )
    edge_log_regions: tuple[Region, ...] = Field(
        default=(),
        description='Regions beside us-east-1 where Lambda@Edge logs are kept; "all": wherever CloudFront runs it.',
    )
    access_log_days: Days = Field(default=90, description="Days that the edge's access logs are kept.")

    @field_validator("edge_log_regions", mode="before")
    @classmethod
    def _all_regions(cls, given: Any) -> Any:
        return _EDGE_CACHE_REGIONS if given == "all" else given

    @model_validator(mode="after")
    def _old_enough_to_move(self) -> Self:
        if self.originals_class == "infrequent_access" and self.originals_class_days < _SHORTEST_IN_STANDARD:
            raise ValueError(
                f"expected originals_class_days of at least {_SHORTEST_IN_STANDARD} for infrequent_access, which S3"
                f" moves nothing younger to, but received {self.originals_class_days}"
            )
        return self
