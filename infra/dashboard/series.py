"""The metrics that widgets draw, with the region that publishes them."""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.names import Names
from lambdas.core.settings import EDGE_REGION, FunctionName


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of an AWS service, in the region that publishes it."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    region: str

    def metric(self, statistic: str, period: cdk.Duration, label: str | None = None) -> cloudwatch.Metric:
        """Return the CDK's metric for one statistic."""
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=self.name,
            dimensions_map=dict(self.dimensions),
            region=self.region,
            statistic=statistic,
            period=period,
            label=label or self.name,
        )


def of_function(metric: str, name: FunctionName, lane: str | None, names: Names) -> Series:
    """Return a metric of a Lambda function."""
    dimensions = (("FunctionName", names.function(name, lane)),)
    return Series("AWS/Lambda", metric, dimensions, names.function_region(name))


def of_queue(metric: str, queue: str, names: Names) -> Series:
    """Return a metric of the queue named ``queue``."""
    return Series("AWS/SQS", metric, (("QueueName", queue),), names.settings.regions.primary)


def of_lane(metric: str, lane: str, names: Names) -> Series:
    """Return a metric of a lane's state machine."""
    region = names.settings.regions.primary
    arn = f"arn:aws:states:{region}:{names.account}:stateMachine:{names.of(lane)}"
    return Series("AWS/States", metric, (("StateMachineArn", arn),), region)


def of_edge(metric: str, distribution_id: str) -> Series:
    """Return a metric of the distribution."""
    return Series("AWS/CloudFront", metric, (("DistributionId", distribution_id), ("Region", "Global")), EDGE_REGION)


def of_viewer_function(metric: str, function: str) -> Series:
    """Return a metric of the CloudFront Function named ``function``."""
    return Series("AWS/CloudFront", metric, (("FunctionName", function), ("Region", "Global")), EDGE_REGION)


def of_table(metric: str, table: str, names: Names) -> Series:
    """Return a metric of the table named ``table``."""
    return Series("AWS/DynamoDB", metric, (("TableName", table),), names.settings.regions.primary)


def of_bucket(metric: str, bucket: str, kind: tuple[str, str], region: str) -> Series:
    """Return a metric of a bucket; ``kind`` is its storage class or its request filter."""
    return Series("AWS/S3", metric, (("BucketName", bucket), kind), region)


def by_tenant(metric: str, statistic: str, label: str, names: Names, period: cdk.Duration) -> cloudwatch.MathExpression:
    """Return a metric that handlers publish, one line per tenant."""
    search = f'{{{names.metrics_namespace},service,tenant}} MetricName="{metric}"'
    return cloudwatch.MathExpression(
        expression=f"SEARCH('{search}', '{statistic}', {period.to_seconds():g})",
        label=label,
        using_metrics={},
        search_region=names.settings.regions.primary,
        period=period,
    )
