"""Assumptions about pictures, viewers and functions. Replace each by a measurement where you have one."""

from dataclasses import dataclass, field

from lambdas.core.settings import FunctionName
from lambdas.imaging.geometry import Size

DAYS = 30
"""Of the estimated month."""

_PHONE = Size(4032, 3024)


@dataclass(frozen=True, slots=True)
class Pictures:
    """A day's pictures, all alike: phone photographs, each uploaded in one request."""

    per_day: int
    size: Size = _PHONE
    bytes: int = 3_500_000
    views: float = 10
    """Views of each picture in the month of its upload."""
    viewed_width: int = 1024
    """Width of a view, in AVIF."""


# Billed seconds of one call on a warm function, including waits for S3 and DynamoDB but not the CPU time of drawing.
# Not measured on AWS.
_BILLED_SECONDS: dict[FunctionName, float] = {
    "authorize": 0.02,
    "upload_api": 0.05,
    "validate": 0.15,
    "metadata": 0.3,
    "derive": 0.4,
    "record": 0.06,
    "generate": 0.4,
    "origin_request": 0.08,
}


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the settings do not say."""

    billed_seconds: dict[FunctionName, float] = field(default_factory=lambda: dict(_BILLED_SECONDS))
    image_write_units: int = 3
    """1 KB units for a picture's record; its index takes as many again."""
    logged_bytes: int = 8_000
    """Per picture, by all functions and the state machine at level INFO."""
    traced_share: float = 0.05
    """X-Ray's default sampling rule, beyond the first trace of each second."""
    alarmed_metrics: int = 89
    """Without dedicated lanes."""
    alarmed_metrics_of_a_lane: int = 26
    """Additional, per dedicated lane."""
    dashboards: int = 1
    web_acl_rules: int = 3
    keys: int = 3
    """KMS keys: of the alarm topics, one per region with alarms, and of the tables of signing keys."""
    delivery_metrics: int = 8
    """CloudFront's additional metrics, if the settings enable them."""
