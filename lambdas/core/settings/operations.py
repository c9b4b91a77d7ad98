"""What the operational flows take for granted, as ``darkroom.toml`` says it."""

from pydantic import Field

from lambdas.core.settings.table import Table


class Operations(Table):
    """Audits, takedowns, keys, and when a person is asked."""

    settled_minutes: int = Field(ge=0, description="An original without an outcome for longer is a fault.")
    replica_minutes: int = Field(ge=0, description="A derivative that the replica lacks for longer is a fault.")
    ask_above: int = Field(ge=0, description="More pictures or messages than this are not removed without approval.")
    approval_seconds: int = Field(ge=1, description="How long an approval is waited for, in seconds.")
    key_days: int = Field(ge=1, description="Age in days at which a signing key is due to be changed.")
    tenant_key_overlap_days: int = Field(ge=0, description="For which a tenant's old key is good beside a new one.")
    reads_at_once: int = Field(ge=1, le=64, description="Requests to S3 that one audit has open.")
    shown_rows: int = Field(ge=1, le=5000, description="Rows of a table that an artifact shows; a file has all.")
