"""The estimate: how often a picture and a view use each service, times its price; and the concurrency at peak."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lambdas.core.keys import Variant
from lambdas.core.settings import FunctionName, Settings
from lambdas.imaging.geometry import drawn_size
from lambdas.imaging.plan import DECODE_SECONDS, plan
from operations.costs.encoders import ENCODERS
from operations.costs.prices import PRICES
from operations.costs.workload import DAYS, Assumptions, Pictures

_MILLION = 1_000_000
_GIGABYTE = 1_000_000_000
_GIBIBYTE_MB = 1024
_STATE_MACHINE_GB = 0.0625  # Express workflows are billed for memory in chunks of 64 MB
_QUEUE_REQUESTS = 3  # send, receive and delete a message
_SECONDS_PER_DAY = 86_400
_BESIDE_DRAWING: tuple[FunctionName, ...] = ("validate", "metadata", "record")
PEAK = 3
"""Ratio of the busiest minutes of a day to its mean."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill, in USD a month."""

    part: str
    what: str
    usd: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """The derivatives of one picture: their number, groups, total CPU seconds and bytes."""

    derivatives: int
    groups: int
    cpu_seconds: float
    bytes: float


def drawing(pictures: Pictures, settings: Settings) -> Drawing:
    """Return the work of one picture's eager derivatives, by the calibrated cost of the encoders."""
    variants = settings.eager_variants
    groups = len(plan(pictures.size, "jpeg", variants, settings)) if variants else 0
    encoding = sum(_encoding_seconds(pictures, each) for each in variants)
    decoding = groups * DECODE_SECONDS["jpeg"] * pictures.size.pixels / _MILLION
    return Drawing(len(variants), groups, encoding + decoding, derivative_bytes(pictures, variants))


def drawn_ahead_cost(pictures: Pictures, settings: Settings) -> float:
    """Return the cost of one picture's eager derivatives, in USD: drawing, storing and copying them."""
    parts = [("Drawing", "Lambda"), ("S3 requests", "derivatives"), ("Replication", "requests and transfer")]
    return sum(line.usd for line in _ingest(pictures, settings, Assumptions()) if (line.part, line.what) in parts)


def drawn_on_request_cost(pictures: Pictures, variant: Variant, settings: Settings) -> float:
    """Return the cost of drawing one variant of one picture on its first request, in USD, while the edge waits."""
    prices, taken = PRICES, Assumptions()
    cpu = _encoding_seconds(pictures, variant) + DECODE_SECONDS["jpeg"] * pictures.size.pixels / _MILLION
    drawn = _call("generate", settings, taken) + cpu * _gigabytes("generate", settings) * prices.lambda_gb_second
    waited = taken.billed_seconds["generate"] + cpu
    edge = waited * _gigabytes("origin_request", settings) * prices.edge_lambda_gb_second
    reads = (2 * prices.table_million_reads + prices.get_million) / _MILLION
    put = prices.put_million / _MILLION  # and one more in the replica
    return drawn + edge + reads + 2 * put + _copied_cost(_derivative_bytes(pictures, variant), settings)


def derivative_storage_cost(size: float) -> float:
    """Return the cost of storing ``size`` bytes of derivatives for a month, in USD; the replica stores them too."""
    return 2 * size / _GIGABYTE * PRICES.stored_gb_month


def derivative_bytes(pictures: Pictures, variants: Sequence[Variant]) -> float:
    """Return the bytes of ``variants`` of one picture, by the calibrated size of the encoders."""
    return sum(_derivative_bytes(pictures, each) for each in variants)


def monthly_costs(pictures: Pictures, settings: Settings, assumptions: Assumptions | None = None) -> list[Line]:
    """Return the lines of a month's bill, without storage: see :func:`storage_cost`."""
    taken = assumptions or Assumptions()
    count = pictures.per_day * DAYS
    each = [*_ingest(pictures, settings, taken), *_delivery(pictures, settings, taken)]
    return [*(Line(line.part, line.what, line.usd * count) for line in each), *_standing(settings, taken)]


def storage_cost(pictures: Pictures, settings: Settings) -> float:
    """Return the cost of storing one month's pictures for one more month in S3 Standard, in USD.

    Intelligent-Tiering costs the same for the first month, plus monitoring, and about half after that.
    """
    original = pictures.bytes / _GIGABYTE * PRICES.stored_gb_month
    original += PRICES.tiered_million_month / _MILLION if _tiered(settings) else 0
    return (original + derivative_storage_cost(drawing(pictures, settings).bytes)) * pictures.per_day * DAYS


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Something called ``calls`` times per second that takes ``seconds``."""

    what: str
    calls: float
    seconds: float

    @property
    def count(self) -> float:
        """Mean concurrency at peak, by Little's law."""
        return self.calls * self.seconds


def at_peak(pictures: Pictures, settings: Settings, assumptions: Assumptions | None = None) -> list[AtOnce]:
    """Return the concurrency of functions and pipes at the peak of a day: what the quotas have to allow."""
    billed = (assumptions or Assumptions()).billed_seconds
    drawn = drawing(pictures, settings)
    rate = PEAK * pictures.per_day / _SECONDS_PER_DAY
    group_seconds = billed["derive"] + drawn.cpu_seconds / max(drawn.groups, 1)
    misses = rate * pictures.views * (1 - settings.analytics.expected_hit_ratio)
    api: tuple[FunctionName, ...] = ("authorize", "upload_api")
    return [
        *(AtOnce(name, rate, billed[name]) for name in (*api, *_BESIDE_DRAWING)),
        AtOnce("derive", rate * drawn.groups, group_seconds),
        AtOnce("origin_request, in all regions", misses, billed["origin_request"]),
        AtOnce("executions of pipes", rate, sum(billed[name] for name in _BESIDE_DRAWING) + group_seconds),
    ]


def _ingest(pictures: Pictures, settings: Settings, taken: Assumptions) -> Iterator[Line]:
    prices, drawn = PRICES, drawing(pictures, settings)
    api = prices.api_million_requests / _MILLION
    yield Line("Upload API", "requests", api)
    yield Line("Upload API", "Lambda", _call("authorize", settings, taken) + _call("upload_api", settings, taken))
    yield Line("Upload API", "DynamoDB", prices.table_million_writes / _MILLION)

    seconds = sum(taken.billed_seconds[name] for name in _BESIDE_DRAWING)
    if drawn.groups:  # groups are drawn in parallel
        seconds += taken.billed_seconds["derive"] + drawn.cpu_seconds / drawn.groups
    queue = _QUEUE_REQUESTS * prices.queue_million_requests
    yield Line("Pipeline", "EventBridge, SQS, Pipes", (prices.events_million + queue + prices.pipes_million) / _MILLION)
    executions = prices.states_million_requests / _MILLION
    executions += seconds * _STATE_MACHINE_GB * prices.states_gb_second
    yield Line("Pipeline", "Step Functions", executions)
    yield Line("Pipeline", "Lambda", sum(_call(name, settings, taken) for name in _BESIDE_DRAWING))
    writes = 2 * taken.image_write_units * prices.table_million_writes
    yield Line("Pipeline", "DynamoDB", (writes + prices.table_million_reads) / _MILLION)

    derive = drawn.groups * _call("derive", settings, taken)
    derive += drawn.cpu_seconds * _gigabytes("derive", settings) * prices.lambda_gb_second
    yield Line("Drawing", "Lambda", derive)

    reads = 2 + drawn.groups  # validate, metadata and every group read the original
    yield Line("S3 requests", "originals", (prices.put_million + reads * prices.get_million) / _MILLION)
    if _tiered(settings):
        yield Line("S3 requests", "originals moved to their class", prices.transition_million / _MILLION)
    puts = drawn.derivatives * prices.put_million / _MILLION
    yield Line("S3 requests", "derivatives", puts)
    yield Line("Replication", "requests and transfer", puts + _copied_cost(drawn.bytes, settings))

    yield Line("Observing", "logs", taken.logged_bytes / _GIGABYTE * prices.logged_gb)
    yield Line("Observing", "traces", taken.traced_share * prices.traced_million / _MILLION)


def _delivery(pictures: Pictures, settings: Settings, taken: Assumptions) -> Iterator[Line]:
    prices = PRICES
    misses = pictures.views * (1 - settings.analytics.expected_hit_ratio)
    viewed = _derivative_bytes(pictures, Variant(pictures.viewed_width, 0, "avif"))
    yield Line("Delivery", "bytes", pictures.views * viewed / _GIGABYTE * prices.delivered_gb)
    # One function handles the request, another the response.
    per_request = prices.delivery_million_requests + 2 * prices.edge_function_million_requests
    yield Line("Delivery", "requests and edge functions", pictures.views * per_request / _MILLION)
    yield Line("Delivery", "WAF", pictures.views * prices.web_acl_million_requests / _MILLION)
    seconds, memory = taken.billed_seconds["origin_request"], _gigabytes("origin_request", settings)
    missed = prices.edge_lambda_million_requests / _MILLION + seconds * memory * prices.edge_lambda_gb_second
    missed += 2 * prices.get_million / _MILLION  # a HEAD by the edge Lambda, and a GET by CloudFront
    yield Line("Delivery", "misses", misses * missed)


def _standing(settings: Settings, taken: Assumptions) -> Iterator[Line]:
    """Yield the costs that do not depend on traffic."""
    prices = PRICES
    yield Line("Standing", "WAF", prices.web_acl_month + taken.web_acl_rules * prices.web_acl_rule_month)
    alarmed = taken.alarmed_metrics + len(settings.dedicated_tenants) * taken.alarmed_metrics_of_a_lane
    yield Line("Standing", "alarms", alarmed * prices.alarm_month)
    yield Line("Standing", "dashboard", taken.dashboards * prices.dashboard_month)
    yield Line("Standing", "keys", taken.keys * prices.key_month)
    if settings.alarms.delivery_metrics:
        yield Line("Standing", "CloudFront metrics", taken.delivery_metrics * prices.metric_month)


def _tiered(settings: Settings) -> bool:
    return settings.storage.originals_class == "intelligent_tiering"


def _call(name: FunctionName, settings: Settings, taken: Assumptions) -> float:
    prices = PRICES
    duration = taken.billed_seconds[name] * _gigabytes(name, settings) * prices.lambda_gb_second
    return prices.lambda_million_requests / _MILLION + duration


def _gigabytes(name: FunctionName, settings: Settings) -> float:
    return settings.functions[name].memory_mb / _GIBIBYTE_MB


def _copied_cost(size: float, settings: Settings) -> float:
    """Return the cost of transferring ``size`` bytes to the replica, in USD."""
    timed = PRICES.replication_time_gb if settings.storage.replication_time_control else 0
    return size / _GIGABYTE * (PRICES.replicated_gb + timed)


def _encoding_seconds(pictures: Pictures, variant: Variant) -> float:
    per_megapixel = ENCODERS.reached(variant.format).cpu_ms_per_megapixel / 1000
    return per_megapixel * drawn_size(pictures.size, variant).pixels / _MILLION


def _derivative_bytes(pictures: Pictures, variant: Variant) -> float:
    return ENCODERS.reached(variant.format).bits_per_pixel / 8 * drawn_size(pictures.size, variant).pixels
