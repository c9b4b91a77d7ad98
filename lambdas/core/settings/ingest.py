"""Settings for uploads: the upload API, its tokens, and the pipeline that takes an original to its derivatives."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lambdas.core.settings.fields import Seconds, Table, WebOrigin


class Uploads(Table):
    """What the upload API signs."""

    link_seconds: Seconds = Field(
        default=900, le=3600, description="Lifetime of a presigned request in seconds. Raise it for slow connections."
    )
    allowed_origins: tuple[WebOrigin, ...] = Field(
        default=("*",), description="Web origins whose pages may upload (CORS). Name your sites in production."
    )
    content_types: tuple[str, ...] = Field(
        default=(
            "image/jpeg", "image/png", "image/webp", "image/avif",
            "image/heic", "image/heif", "image/jxl", "image/tiff", "image/gif",
            "application/octet-stream",
        ),
        min_length=1,
        description="Content types a client may declare; octet-stream where it does not know. The bytes decide.",
    )  # fmt: skip
    requests_per_second: int = Field(
        default=500, ge=1, description="Sustained requests per second that the API accepts; beyond it, 429."
    )
    burst_requests: int = Field(default=1000, ge=1, description="Requests accepted at once on top of that rate.")
    forms: bool = Field(
        default=False,
        description="Sign POST forms on request. Only for clients that cannot PUT: a form may be posted again.",
    )
    # A PUT may hold 5 GB, but one lost connection would lose all of it.
    single_max_bytes: int = Field(
        default=8_388_608, ge=0, le=5 * 1024**3, description="A file larger than this, in bytes, is uploaded in parts."
    )
    parts: int = Field(
        default=12,
        ge=1,
        le=10_000,
        description="Parts to aim at, within the bounds below: work for several connections at once.",
    )
    # S3 accepts parts of 5 MiB to 5 GiB, and 10,000 of them.
    part_min_bytes: int = Field(
        default=5_242_880,
        ge=5 * 1024**2,
        le=5 * 1024**3,
        description="Smallest part in bytes; the last may be smaller.",
    )
    part_max_bytes: int = Field(
        default=15_728_640,
        ge=5 * 1024**2,
        le=5 * 1024**3,
        description="Largest part in bytes: what a lost connection sends again.",
    )
    parts_per_page: int = Field(default=100, ge=1, le=1000, description="Parts signed or listed per response.")

    @model_validator(mode="after")
    def _bounds_of_a_part(self) -> Self:
        if self.part_min_bytes > self.part_max_bytes:
            raise ValueError(
                f"expected part_max_bytes of at least part_min_bytes ({self.part_min_bytes})"
                f" but received {self.part_max_bytes}"
            )
        return self


class Api(Table):
    """Responses of the upload API."""

    images_per_page: int = Field(default=50, ge=1, le=1000, description="Pictures per page of GET /images.")


class Issuer(Table):
    """An OAuth issuer whose tokens are accepted instead of the tenants' own."""

    name: str = Field(min_length=1, description="Required value of the claim iss. Required with an issuer.")
    jwks_url: str = Field(
        pattern=r"^https://\S+$", description="HTTPS address of its JSON Web Key Set. Required with an issuer."
    )
    algorithms: tuple[Literal["RS256", "ES256"], ...] = Field(
        default=("RS256",),
        min_length=1,
        description="Accepted signature algorithms. Match what your issuer signs with.",
    )
    tenant_claim: str = Field(default="tenant", min_length=1, description="The claim that holds the tenant's name.")


class Auth(Table):
    """Bearer tokens (JWT) that the upload API accepts."""

    accepts: Literal["tenant_keys", "issuer"] = Field(
        default="tenant_keys",
        description="tenant_keys: HS256 by each tenant's keys. issuer: RS256 or ES256 by the keys of auth.issuer.",
    )
    audience: str = Field(default="darkroom", min_length=1, description="Required value of the claim aud.")
    leeway_seconds: int = Field(
        default=10, ge=0, le=300, description="Allowed clock skew in seconds. Raise it for signers with poor clocks."
    )
    keys_seconds: Seconds = Field(
        default=60, description="Seconds that keys are cached: how long a retired key still works."
    )
    refresh_seconds: Seconds = Field(
        default=30, description="Seconds that an unknown key id or tenant is cached: how long a new key may not work."
    )
    max_token_bytes: int = Field(
        default=4096,
        ge=256,
        le=8192,
        description="Longest accepted token in bytes; API Gateway allows 10,240 for all headers.",
    )
    issuer: Issuer | None = Field(default=None, description="Required where accepts is issuer.")

    @model_validator(mode="after")
    def _issuer_named(self) -> Self:
        if self.accepts == "issuer" and self.issuer is None:
            raise ValueError("expected a table auth.issuer where auth.accepts is 'issuer' but received none")
        return self


class ImageTokens(Table):
    """Tokens with which a viewer sees private pictures."""

    default_seconds: Seconds = Field(default=3600, description="Lifetime in seconds of a token that requests none.")
    max_seconds: Seconds = Field(
        default=86_400, description="Longest lifetime in seconds that may be requested. A leaked token lives as long."
    )
    max_bytes: int = Field(
        default=2048, ge=512, le=8192, description="Longest token in bytes; the edge rejects a longer one unread."
    )

    @model_validator(mode="after")
    def _default_within(self) -> Self:
        if self.default_seconds > self.max_seconds:
            raise ValueError(
                f"expected default_seconds of at most max_seconds ({self.max_seconds})"
                f" but received {self.default_seconds}"
            )
        return self


class Inspection(Table):
    """A function of yours that looks at every picture before it is published."""

    function: str | None = Field(
        default=None,
        pattern=r"^arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+(:[\w$-]+)?$",
        description="ARN of the Lambda function that allows, holds or rejects each picture; without one, all pass.",
    )
    preview_width: int = Field(
        default=512, ge=64, le=4096, description="Width in pixels of the JPEG that the function is given to look at."
    )


# Validate's retries while it is throttled, and its run: so late may it claim a picture, for as long as an execution may
# last. A message that is received again must find the claim lapsed.
_CLAIMED_WITHIN_SECONDS = 90


class Pipeline(Table):
    """Queue, pipe and state machine of every lane."""

    batch_size: Literal[1] = Field(
        default=1, description="Messages per execution; always 1, so that one picture never fails another."
    )
    max_receive_count: int = Field(
        default=5, ge=5, le=1000, description="Receives of a message before it goes to the dead-letter queue."
    )
    execution_seconds: int = Field(
        default=240, ge=30, le=300, description="Timeout of an execution in seconds; Step Functions Express allows 300."
    )
    postponed_seconds: int = Field(
        default=300,
        ge=1,
        le=900,
        description="Longest delay in seconds of a throttled message, sent again without counting; SQS allows 900.",
    )
    max_deaths: int = Field(
        default=2,
        ge=1,
        le=10,
        description="Executions that may end by a time-out or lack of memory before the picture is rejected.",
    )
    # Each group fetches and decodes the original again: at 0.4 s, photographs of 8 to 22 MP take a sixth more CPU and
    # are done in half the time.
    group_seconds: float = Field(
        default=1.5,
        gt=0,
        le=60,
        description="CPU seconds per group of derivatives. Lower: pictures are ready sooner, for more CPU in all.",
    )
    derive_concurrency: int = Field(
        default=8, ge=1, le=40, description="Groups of one picture drawn in parallel; an inline Map allows 40."
    )

    @property
    def visibility_seconds(self) -> int:
        """Seconds after which a message is received again whose execution failed, timed out or was lost.

        EventBridge Pipes advises six times the execution's limit, for its own retries while the target throttles. A
        message that comes back meanwhile does no harm here: a picture is processed by the execution that claimed it.
        """
        return self.execution_seconds + _CLAIMED_WITHIN_SECONDS
