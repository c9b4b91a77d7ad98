"""What is assumed of pictures, viewers and functions: inputs of the estimate, each to be replaced by a measurement."""

from dataclasses import dataclass, field

from lambdas.core.settings import FunctionName
from lambdas.imaging.geometry import Size

DAYS = 30
"""Of the month that is estimated."""

_PHONE = Size(4032, 3024)


@dataclass(frozen=True, slots=True)
class Pictures:
    """A day's pictures, all alike: photographs of a phone, each uploaded in one request."""

    per_day: int
    size: Size = _PHONE
    bytes: int = 3_500_000
    views: float = 10
    """Of each picture, in the month of its upload."""
    viewed_width: int = 1024
    """The rung that a view takes, in AVIF."""


# Billed seconds of one call on a warm function, waits for S3 and DynamoDB included. Not measured on AWS. What drawing
# takes of CPU is counted beside it.
_BILLED_SECONDS: dict[FunctionName, float] = {
    "authorize": 0.02,
    "upload_api": 0.05,
    "validate": 0.15,
    "metadata": 0.3,
    "derive": 0.4,
    "record": 0.06,
    "origin_request": 0.08,
}


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What nobody can read from the settings."""

    billed_seconds: dict[FunctionName, float] = field(default_factory=lambda: dict(_BILLED_SECONDS))
    image_write_units: int = 3
    """Of 1 KB each, for the record of a picture; as many again for its index."""
    logged_bytes: int = 8_000
    """Of a picture's functions and state machine together, at the level INFO."""
    traced_share: float = 0.05
    """X-Ray's default rule, beyond the first trace of each second."""
    alarmed_metrics: int = 53
    """Of the shared lane and all that is there once."""
    alarmed_metrics_of_a_lane: int = 18
    """Of each dedicated lane besides."""
    dashboards: int = 1
    secrets: int = 2
    web_acl_rules: int = 3
    keys: int = 2
    """Of the alarms' topics, one in each region that has alarms."""
    delivery_metrics: int = 8
    """Beyond those that CloudFront gives for nothing, where the settings ask for them."""
