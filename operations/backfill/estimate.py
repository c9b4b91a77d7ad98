"""Estimate of a backfill: CPU seconds, duration and cost, from the measured cost of the encoders."""

from collections.abc import Sequence
from dataclasses import dataclass

from lambdas.core.keys import Variant
from lambdas.core.records import PictureRecord
from lambdas.core.settings import Settings
from lambdas.imaging.geometry import drawn_size
from lambdas.imaging.plan import DECODE_SECONDS
from operations.costs.encoders import ENCODERS
from operations.costs.prices import PRICES

_MEGA = 1_000_000
_GIGABYTE, _GIBIBYTE_MB = 1_000_000_000, 1024
_REQUEST_SECONDS = 0.03  # one request to S3 or DynamoDB in the same region; a cautious assumption
_FIXED_REQUESTS = 3  # read the record, read the original, write the record
_WRITES = 2  # a derivative is also written to the replica, a record to its index


@dataclass(frozen=True, slots=True)
class Work:
    """The work of drawing some pictures: CPU seconds, and bytes of derivatives."""

    images: int = 0
    derivatives: int = 0
    cpu_seconds: float = 0
    bytes: float = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.images + other.images,
            self.derivatives + other.derivatives,
            self.cpu_seconds + other.cpu_seconds,
            self.bytes + other.bytes,
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """Work, duration and cost of a backfill, and the monthly cost of storing its derivatives in both regions."""

    images: int
    derivatives: int
    cpu_seconds: float
    seconds: float
    usd: float
    bytes: float
    usd_a_month: float


def work_of(picture: PictureRecord, variants: Sequence[Variant]) -> Work:
    """Return the work of drawing ``variants`` of one picture."""
    cpu, size = DECODE_SECONDS[picture.format] * picture.size.pixels / _MEGA, 0.0
    for variant in variants:
        megapixels = drawn_size(picture.size, variant).pixels / _MEGA
        reached = ENCODERS.reached(variant.format)
        cpu += reached.cpu_ms_per_megapixel / 1000 * megapixels
        size += reached.bits_per_pixel * megapixels * _MEGA / 8
    return Work(1, len(variants), cpu, size)


def estimate(work: Work, settings: Settings, jobs: int) -> Estimate:
    """Estimate ``work`` done by ``jobs`` jobs, at list prices."""
    prices, function = PRICES, settings.functions["backfill"]
    requests = _FIXED_REQUESTS * work.images + 2 * work.derivatives  # one lookup and one PUT each
    busy = work.cpu_seconds / function.vcpus + requests * _REQUEST_SECONDS
    at_once = settings.backfill.reserved_concurrency or settings.lanes.account_concurrency
    usd = (
        busy * function.memory_mb / _GIBIBYTE_MB * prices.lambda_gb_second
        + work.images * prices.lambda_million_requests / _MEGA
        + work.images * (prices.table_million_reads + _WRITES * prices.table_million_writes) / _MEGA
        + (work.images + work.derivatives) * prices.get_million / _MEGA
        + _WRITES * work.derivatives * prices.put_million / _MEGA
        + jobs * prices.batch_job
        + work.images * prices.batch_million_objects / _MEGA
    )
    return Estimate(
        images=work.images,
        derivatives=work.derivatives,
        cpu_seconds=work.cpu_seconds,
        seconds=busy / max(1, min(at_once, work.images)),
        usd=usd,
        bytes=work.bytes,
        usd_a_month=_WRITES * work.bytes / _GIGABYTE * prices.stored_gb_month,
    )
