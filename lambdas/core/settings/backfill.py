"""What ``darkroom.toml`` says of backfills: derivatives made of pictures that were uploaded long ago."""

from typing import Annotated

from pydantic import Field

from lambdas.core.settings.table import Table

Share = Annotated[float, Field(ge=0, le=1)]


class Backfill(Table):
    """How many at a time, how carefully, and for how long its papers are kept."""

    reserved_concurrency: int = Field(
        ge=0, description="Executions at once of the backfill's function; 0: it takes what nobody reserved."
    )
    priority: int = Field(ge=0, le=2_147_483_647, description="Of a job among those of the account; higher runs first.")
    canary_images: int = Field(ge=1, le=10_000, description="Pictures drawn and judged before all others.")
    tolerated_failures: Share = Field(description="Of the canary's pictures, above which nothing else is begun.")
    poll_seconds: float = Field(gt=0, le=60, description="Time between two looks at a job that runs.")
    paper_days: int = Field(ge=1, description="Life of manifests and completion reports, in days.")
