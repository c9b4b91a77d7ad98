"""Names of one's own for the edge, and what they need: a certificate, and where their DNS is kept."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lambdas.core.settings.table import Table

DomainName = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$")]
TlsPolicy = Literal["TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025"]


class HostedZone(Table):
    """The Route 53 zone that the names stand in."""

    id: str = Field(pattern=r"^Z[A-Z0-9]+$", description="The zone's id.")
    name: DomainName = Field(description="The zone's own name, which every name ends in.")


class Domain(Table):
    """Where pictures are served, instead of a name of CloudFront's."""

    names: tuple[DomainName, ...] = Field(min_length=1, description="The first is the one that is handed out.")
    certificate_arn: str | None = Field(
        default=None,
        pattern=r"^arn:aws:acm:us-east-1:\d{12}:certificate/\S+$",
        description="A certificate of all names; left out, one is made, and validated in the hosted zone.",
    )
    hosted_zone: HostedZone | None = Field(
        default=None, description="Gets the names' records; left out, they are set elsewhere, by hand."
    )
    minimum_tls: TlsPolicy = Field(default="TLSv1.2_2021", description="CloudFront's security policy.")

    @model_validator(mode="after")
    def _certified(self) -> Self:
        if self.certificate_arn is None and self.hosted_zone is None:
            raise ValueError("expected a certificate_arn or a hosted_zone, to make one in, but received neither")
        return self

    @model_validator(mode="after")
    def _within_the_zone(self) -> Self:
        zone = self.hosted_zone
        strays = [name for name in self.names if zone is not None and not f".{name}".endswith(f".{zone.name}")]
        if zone is not None and strays:
            raise ValueError(f"expected names that end in {zone.name} but received {strays}")
        return self
