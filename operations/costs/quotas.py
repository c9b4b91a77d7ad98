"""AWS quotas that a number of pictures a day needs at its peak."""

from dataclasses import dataclass

from lambdas.core.settings import Settings
from operations.costs.estimate import PEAK, at_peak, drawing
from operations.costs.workload import Assumptions, Pictures

_SECONDS_PER_DAY = 86_400
_PIPES = "executions of pipes"
_MANY_PIPES = ("us-east-1", "us-west-2", "eu-west-1")


@dataclass(frozen=True, slots=True)
class Need:
    """What a quota has to allow at the peak. Without a ``code`` in Service Quotas, only its ``default`` is known."""

    quota: str
    needed: float
    service: str
    code: str | None
    default: float


def needs(pictures: Pictures, settings: Settings, assumptions: Assumptions | None = None) -> list[Need]:
    """Return the quotas of the primary region that grow with the number of ``pictures``.

    Names, codes and defaults are AWS's, as its documentation has them; none was read from an account.
    """
    taken = assumptions or Assumptions()
    rate = PEAK * pictures.per_day / _SECONDS_PER_DAY
    at_once = {each.what: each.count for each in at_peak(pictures, settings, taken)}
    pipes = at_once.pop(_PIPES)
    replicated = rate * drawing(pictures, settings).bytes * 8 / 1e9
    found = [
        Need("Lambda: concurrent executions", sum(at_once.values()), "lambda", "L-B99A9384", 1000),
        Need("EventBridge: invocations a second", rate, "events", "L-5540C5E3", 1100),
        Need("API Gateway: requests a second", rate, "apigateway", "L-8A5B8E43", 10_000),
        Need("DynamoDB: write units of a table", rate * taken.image_write_units, "dynamodb", "L-AB614373", 40_000),
        Need(
            "EventBridge Pipes: concurrent executions",
            pipes,
            "pipes",
            None,
            3000 if settings.regions.primary in _MANY_PIPES else 1000,
        ),
        Need("CloudFront: requests a second", rate * pictures.views, "cloudfront", None, 250_000),
    ]
    if settings.storage.replication_time_control:
        found.append(Need("S3: replication with time control, Gbit/s", replicated, "s3", None, 1))
    return found
