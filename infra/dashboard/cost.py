"""Cost estimates: what AWS meters, at list prices; without tiers and taxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.dashboard import series
from infra.dashboard.series import Series
from infra.names import Names
from lambdas.core.settings import FunctionName
from lambdas.core.settings.lanes import LaneFunction
from lambdas.fallback_share.reads import REQUEST_METRICS
from operations.costs.prices import PRICES

HOUR = cdk.Duration.hours(1)
_MILLION = 1_000_000
_TRILLION = 1_000_000_000_000
_TERMS_AT_ONCE = 20  # per expression, which may have 2,048 characters
_MONTH_HOURS = 730
_EXPRESS_GB = 64 / 1024  # Step Functions bills memory in units of 64 MB; an execution here takes one
_MESSAGE_REQUESTS = 3  # sent, received, deleted


@dataclass(frozen=True, slots=True)
class Term:
    """A metered metric, and the price of one unit of it in USD."""

    series: Series
    usd: float
    statistic: str = "Sum"


class Costs:
    """The terms of a stage's cost, by service and by lane."""

    def __init__(self, names: Names, distribution_id: str) -> None:
        self._names = names
        self._settings = names.settings
        self._prices = PRICES
        self._distribution_id = distribution_id

    def by_service(self) -> dict[str, list[Term]]:
        """Return all terms, by service."""
        lanes = self._settings.lane_names
        others: tuple[FunctionName, ...] = ("generate", "backfill", "upload_api", "authorize")
        return {
            "Lambda": [
                *(term for lane in lanes for term in self._lane_functions(lane)),
                *(term for name in others for term in self._function(name, None)),
            ],
            "Step Functions": [term for lane in lanes for term in self._executions(lane)],
            "EventBridge, SQS": [term for lane in lanes for term in self._messages(lane)],
            "DynamoDB": self._tables(),
            "S3 requests": self._requests(),
            "S3 storage": self._storage(),
            "CloudFront": self._delivery(),
            "WAF": [Term(self._edge("Requests"), self._prices.web_acl_million_requests / _MILLION)],
        }

    def by_lane(self) -> dict[str, list[Term]]:
        """Return the terms of each lane."""
        return {
            lane: [*self._lane_functions(lane), *self._executions(lane), *self._messages(lane)]
            for lane in self._settings.lane_names
        }

    def _edge(self, metric: str) -> Series:
        return series.of_edge(metric, self._distribution_id)

    def _function(self, name: FunctionName, lane: str | None) -> list[Term]:
        gigabytes = self._settings.functions[name].memory_mb / 1024
        return [
            Term(
                series.of_function("Duration", name, lane, self._names),
                gigabytes * self._prices.lambda_gb_second / 1000,
            ),
            Term(
                series.of_function("Invocations", name, lane, self._names),
                self._prices.lambda_million_requests / _MILLION,
            ),
        ]

    def _lane_functions(self, lane: str) -> list[Term]:
        return [term for name in get_args(LaneFunction) for term in self._function(name, lane)]

    def _executions(self, lane: str) -> list[Term]:
        return [
            Term(
                series.of_lane("ExecutionsStarted", lane, self._names), self._prices.states_million_requests / _MILLION
            ),
            Term(
                series.of_lane("ExpressExecutionBilledDuration", lane, self._names),
                self._prices.states_gb_second * _EXPRESS_GB / 1000,
            ),
        ]

    def _messages(self, lane: str) -> list[Term]:
        prices = self._prices
        each = prices.events_million + prices.pipes_million + _MESSAGE_REQUESTS * prices.queue_million_requests
        queue = self._names.of(f"{lane}-originals")
        return [Term(series.of_queue("NumberOfMessagesSent", queue, self._names), each / _MILLION)]

    def _tables(self) -> list[Term]:
        prices = {
            "ConsumedWriteCapacityUnits": self._prices.table_million_writes / _MILLION,
            "ConsumedReadCapacityUnits": self._prices.table_million_reads / _MILLION,
        }
        tables = (self._names.images_table,)
        return [
            Term(series.of_table(metric, table, self._names), usd) for table in tables for metric, usd in prices.items()
        ]

    def _requests(self) -> list[Term]:
        prices = {"PutRequests": self._prices.put_million, "GetRequests": self._prices.get_million}
        return [
            Term(series.of_bucket(metric, bucket, ("FilterId", REQUEST_METRICS), region), usd / _MILLION)
            for bucket, region in self._buckets().items()
            if bucket != self._names.originals_bucket  # has no request metrics
            for metric, usd in prices.items()
        ]

    def _storage(self) -> list[Term]:
        usd = self._prices.stored_gb_month / 10**9 / _MONTH_HOURS
        return [
            Term(series.of_bucket("BucketSizeBytes", bucket, ("StorageType", kind), region), usd, "Average")
            for bucket, region in self._buckets().items()
            for kind in ("StandardStorage", "IntelligentTieringFAStorage")
        ]

    def _buckets(self) -> dict[str, str]:
        regions, names = self._settings.regions, self._names
        return {
            names.originals_bucket: regions.primary,
            names.derivatives_bucket: regions.primary,
            names.replica_bucket: regions.replica,
        }

    def _delivery(self) -> list[Term]:
        prices = self._prices
        each = prices.delivery_million_requests + prices.edge_function_million_requests
        return [
            Term(self._edge("BytesDownloaded"), prices.delivered_gb / 10**9),
            Term(self._edge("Requests"), each / _MILLION),
        ]


def usd_an_hour(terms: Sequence[Term], label: str, prefix: str) -> cloudwatch.MathExpression:
    """Return the sum of ``terms`` per hour; ``prefix`` keeps its metric ids apart from others in the same widget."""
    parts = [terms[start : start + _TERMS_AT_ONCE] for start in range(0, len(terms), _TERMS_AT_ONCE)]
    sums = {f"{prefix}{number}": _sum(part, f"{prefix}{number}_") for number, part in enumerate(parts)}
    return cloudwatch.MathExpression(
        expression=" + ".join(sums), using_metrics=dict(sums), label=f"{label}: ${{SUM}} USD", period=HOUR
    )


def _sum(terms: Sequence[Term], prefix: str) -> cloudwatch.MathExpression:
    metered = {f"{prefix}{number}": term for number, term in enumerate(terms)}
    # Daily metrics repeat until the next value; other missing values are 0.
    priced = (
        f"FILL({name}, {'REPEAT' if term.statistic == 'Average' else 0}) * {term.usd * _TRILLION:.4f}"
        for name, term in metered.items()
    )
    return cloudwatch.MathExpression(
        expression=f"({' + '.join(priced)}) / {_TRILLION}",  # prices per byte have many zeros
        using_metrics={name: term.series.metric(term.statistic, HOUR) for name, term in metered.items()},
        period=HOUR,
    )
