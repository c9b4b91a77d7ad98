"""What is kept, and for how long, as ``darkroom.toml`` says it: buckets, tables and logs."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lambdas.core.settings.table import Table

Days = Annotated[int, Field(ge=1)]
Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
# CloudWatch Logs keeps lines for one of these periods and no other.
RetentionDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653]

_SHORTEST_IN_STANDARD = 30  # days before S3 moves an object to infrequent access: its lifecycle's constraints


class Storage(Table):
    """Buckets, tables and logs."""

    protected: bool = Field(
        description="Keep buckets and table when their stack is deleted; refuse to delete the table."
    )
    object_lock: bool = Field(description="Write originals once (S3 Object Lock); only at a bucket's creation.")
    object_lock_days: Days = Field(description="How long an original cannot be overwritten or deleted, in days.")
    abandoned_upload_days: Days = Field(description="Life of the parts of an upload that nobody completes, in days.")
    noncurrent_days: Days = Field(description="Life of a deleted or overwritten object's last version, in days.")
    originals_class: Literal["standard", "intelligent_tiering", "infrequent_access"] = Field(
        description="Storage class that originals are moved to; standard: none."
    )
    originals_class_days: int = Field(ge=0, description="Age at which originals are moved there, in days.")
    replication_time_control: bool = Field(description="Have S3 promise replication within 15 minutes, for a price.")
    restore_days: int = Field(ge=1, le=35, description="How far back a table can be restored, in days.")
    log_retention_days: RetentionDays = Field(description="Life of function and state machine logs, in days.")
    edge_log_regions: tuple[Region, ...] = Field(
        description="Regions beside us-east-1 in which the Lambda@Edge function's log is kept; elsewhere it is not."
    )
    access_log_days: Days = Field(description="Life of the edge's access logs, in days.")

    @model_validator(mode="after")
    def _old_enough_to_move(self) -> Self:
        if self.originals_class == "infrequent_access" and self.originals_class_days < _SHORTEST_IN_STANDARD:
            raise ValueError(
                f"expected originals_class_days of at least {_SHORTEST_IN_STANDARD} for infrequent_access, which S3"
                f" moves nothing younger to, but received {self.originals_class_days}"
            )
        return self
