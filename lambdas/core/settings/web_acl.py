"""The web ACL as ``darkroom.toml`` describes it: whom the edge refuses before any function runs."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lambdas.core.settings.table import Table

Hostname = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")]
EmptyReferer = Literal["allow", "refuse"]


class WebAcl(Table):
    """Rules of AWS WAF before the distribution."""

    mode: Literal["count", "block"] = Field(description="Whether a rule that fits only counts, or refuses.")
    requests_per_5_minutes: int = Field(
        ge=10, le=2_000_000_000, description="Of one address; beyond it, the rule fits."
    )
    # Eight names and the empty referer are ten conditions with their negation, which is what one statement may nest.
    referers: tuple[Hostname, ...] = Field(max_length=8, description="Sites that may show pictures; none: every site.")
    empty_referer: EmptyReferer = Field(
        description="What becomes of a request without a Referer, where sites are named."
    )

    @model_validator(mode="after")
    def _refuse_only_with_sites(self) -> Self:
        if self.empty_referer == "refuse" and not self.referers:
            raise ValueError("expected referers where empty_referer is 'refuse' but received none")
        return self
