"""Delivery as ``darkroom.toml`` describes it: how long answers live, and how long the edge waits for a bucket."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from lambdas.core.settings.table import Table

Seconds = Annotated[int, Field(ge=1)]
WebOrigin = Annotated[str, Field(pattern=r"^(\*|https?://\S+)$")]


class Delivery(Table):
    """How long answers live at the edge and in browsers, and when a bucket counts as failing."""

    max_age_seconds: Seconds = Field(description="Freshness of a derivative, in seconds.")
    stale_while_revalidate_seconds: int = Field(ge=0, description="Served stale while one request refreshes it.")
    stale_if_error_seconds: int = Field(ge=0, description="Served stale while the origin fails.")
    private_max_age_seconds: Seconds = Field(description="How long a browser keeps a private picture, in seconds.")
    not_found_seconds: Seconds = Field(le=300, description="Life of a cached 404, in seconds.")
    origin_connect_seconds: int = Field(ge=1, le=10, description="Wait for a connection to the bucket, in seconds.")
    origin_read_seconds: int = Field(ge=1, le=120, description="Wait for each next byte of the bucket, in seconds.")
    origin_attempts: int = Field(ge=1, le=3, description="Tries before the origin counts as down.")
    origin_whole_seconds: int = Field(ge=1, le=3600, description="Wait for a whole answer, all tries included.")
    tolerated_fallback_share: float = Field(ge=0, lt=1, description="Share of reads by the replica, unalarmed.")
    judged_fallback_reads: int = Field(ge=1, description="Reads of the replica in 5 minutes, from which on it counts.")
    cors_origins: tuple[WebOrigin, ...] = Field(description="Web origins whose scripts may read the pictures.")

    @model_validator(mode="after")
    def _whole_answer_after_its_bytes(self) -> Self:
        if self.origin_whole_seconds < self.origin_read_seconds:
            raise ValueError(
                f"expected origin_whole_seconds of at least origin_read_seconds ({self.origin_read_seconds}),"
                f" as CloudFront has it, but received {self.origin_whole_seconds}"
            )
        return self

    @property
    def cache_control(self) -> str:
        """The Cache-Control that every derivative is stored and served with."""
        return (
            f"public, max-age={self.max_age_seconds}"
            f", stale-while-revalidate={self.stale_while_revalidate_seconds}"
            f", stale-if-error={self.stale_if_error_seconds}"
        )

    @property
    def max_ttl_seconds(self) -> int:
        """The MaxTTL, in seconds, at which CloudFront honours both stale windows in full."""
        return self.max_age_seconds + self.stale_while_revalidate_seconds + self.stale_if_error_seconds
