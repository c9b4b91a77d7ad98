"""Fallback share: publish to CloudWatch, every few minutes, the share of the edge's reads that the replica served.

Runs in the replica's region, so that it works during an outage of the primary region. An alarm cannot divide the two
counts itself: each bucket's metrics are in its own region, and an alarm reads metrics of one region.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field

from lambdas.core.clients import cloudwatch
from lambdas.core.environment import DerivativesBucketName, Environment
from lambdas.core.observability import LambdaContext, logger, observed
from lambdas.core.settings import load_settings
from lambdas.fallback_share.reads import count_reads, fallback_share

NAMESPACE, METRIC, STAGE_DIMENSION = "Darkroom", "FallbackShare", "stage"
PERIOD = timedelta(minutes=5)
_DELAY = timedelta(minutes=3)  # S3's request metrics arrive minutes late


class Variables(Environment):
    """Environment variables of the function."""

    derivatives_bucket: DerivativesBucketName
    replica_bucket: Annotated[str, Field(alias="REPLICA_BUCKET", min_length=3)]


@observed
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Publish the share of the last period with complete counts, unless there were too few reads for one."""
    settings, variables = load_settings(), Variables.read()
    regions = settings.regions
    until = datetime.now(UTC).replace(second=0, microsecond=0) - _DELAY
    replica = count_reads(cloudwatch(regions.replica), variables.replica_bucket, until - PERIOD, until)
    try:
        primary = count_reads(cloudwatch(regions.primary), variables.derivatives_bucket, until - PERIOD, until)
    except (BotoCoreError, ClientError) as error:
        logger.warning("Reads of the primary region are unknown", extra={"error": str(error)})
        primary = 0
    share = fallback_share(primary, replica, settings.delivery.judged_fallback_reads)
    logger.info("Counted", extra={"primary_reads": primary, "replica_reads": replica, "share": share})
    if share is not None:
        cloudwatch(regions.replica).put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[
                {
                    "MetricName": METRIC,
                    "Dimensions": [{"Name": STAGE_DIMENSION, "Value": settings.stage}],
                    "Value": share,
                    "Unit": "None",
                }
            ],
        )
    return {"primary_reads": primary, "replica_reads": replica, "share": share}
