"""Settings for delivery: cache lifetimes, the origin's timeouts, the web ACL and domain names."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lambdas.core.settings.fields import Seconds, Table, WebOrigin

Hostname = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")]
EmptyReferer = Literal["allow", "refuse"]
DomainName = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$")]
TlsPolicy = Literal["TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025"]


class Delivery(Table):
    """How long responses are cached at the edge and in browsers, and when a bucket counts as failing."""

    max_age_seconds: Seconds = Field(
        default=604_800, description="Seconds that a derivative is fresh. Lower it where takedowns must reach browsers."
    )
    stale_while_revalidate_seconds: int = Field(
        default=86_400, ge=0, description="Seconds that a stale derivative is served while one request refreshes it."
    )
    stale_if_error_seconds: int = Field(
        default=259_200, ge=0, description="Seconds that a stale derivative is served while the origin fails."
    )
    private_max_age_seconds: Seconds = Field(
        default=300,
        description="Seconds that a browser keeps a private picture; the edge caches it behind its token check.",
    )
    not_found_seconds: Seconds = Field(
        default=60, le=300, description="Seconds that a 404 is cached. Lower it where pictures are viewed at once."
    )
    origin_connect_seconds: int = Field(
        default=3, ge=1, le=10, description="Timeout in seconds for a connection to the bucket."
    )
    origin_read_seconds: int = Field(
        default=3, ge=1, le=120, description="Timeout in seconds for each next byte of the bucket."
    )
    origin_attempts: int = Field(default=2, ge=1, le=3, description="Attempts before the origin counts as down.")
    origin_whole_seconds: int = Field(
        default=8, ge=1, le=3600, description="Timeout in seconds for a whole response, all attempts included."
    )
    tolerated_fallback_share: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share (0 to 1) of the edge's reads from the replica above which an alarm fires.",
    )
    judged_fallback_reads: int = Field(
        default=20, ge=1, description="Replica reads in 5 minutes below which that alarm does not fire."
    )
    cors_origins: tuple[WebOrigin, ...] = Field(
        default=("*",), description="Web origins whose scripts may read pictures (CORS)."
    )

    @model_validator(mode="after")
    def _whole_answer_after_its_bytes(self) -> Self:
        if self.origin_whole_seconds < self.origin_read_seconds:
            raise ValueError(
                f"expected origin_whole_seconds of at least origin_read_seconds ({self.origin_read_seconds}),"
                f" which CloudFront requires, but received {self.origin_whole_seconds}"
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


class WebAcl(Table):
    """Rules of AWS WAF in front of the distribution."""

    mode: Literal["count", "block"] = Field(
        default="count", description="count: matches are only counted. block: they are refused. Count for a week first."
    )
    requests_per_5_minutes: int = Field(
        default=10_000,
        ge=10,
        le=2_000_000_000,
        description="Requests per address in 5 minutes beyond which a rule matches. Raise it for offices behind NAT.",
    )
    # Eight names and the empty referer are ten conditions with their negation, which is what one statement may nest.
    referers: tuple[Hostname, ...] = Field(
        default=(),
        max_length=8,
        description="Sites that may show pictures, subdomains included, such as example.com. Empty: all.",
    )
    empty_referer: EmptyReferer = Field(
        default="allow", description="allow or refuse requests without Referer, which apps and strict browsers send."
    )

    @model_validator(mode="after")
    def _refuse_only_with_sites(self) -> Self:
        if self.empty_referer == "refuse" and not self.referers:
            raise ValueError("expected referers where empty_referer is 'refuse' but received none")
        return self


class HostedZone(Table):
    """The Route 53 zone of the domain's names."""

    id: str = Field(pattern=r"^Z[A-Z0-9]+$", description="The zone's id. Required with a hosted zone.")
    name: DomainName = Field(description="The zone's name, which every name ends in. Required with a hosted zone.")


class Domain(Table):
    """Domain names of your own for the edge."""

    names: tuple[DomainName, ...] = Field(
        min_length=1, description="Domain names; links use the first. Required with a domain."
    )
    certificate_arn: str | None = Field(
        default=None,
        pattern=r"^arn:aws:acm:us-east-1:\d{12}:certificate/\S+$",
        description="ACM certificate for all names, in us-east-1. Unset: one is made and validated in the hosted zone.",
    )
    hosted_zone: HostedZone | None = Field(
        default=None, description="Zone in which DNS records are made. Unset: you make them elsewhere."
    )
    minimum_tls: TlsPolicy = Field(
        default="TLSv1.2_2021", description="CloudFront's security policy. Newer ones exclude older browsers."
    )

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
