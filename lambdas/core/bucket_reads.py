"""How often a bucket was read, by S3's own count."""

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

REQUEST_METRICS = "EntireBucket"
"""The id of a bucket's configuration of request metrics over all its objects."""


def count_reads(cloudwatch: "CloudWatchClient", bucket: str, since: datetime, until: datetime) -> float:
    """Return the GETs of objects of ``bucket`` from ``since`` up to ``until``, answered or refused.

    Raises:
        ClientError, BotoCoreError: CloudWatch in the bucket's region does not tell.
    """
    answer = cloudwatch.get_metric_statistics(
        Namespace="AWS/S3",
        MetricName="GetRequests",
        Dimensions=[{"Name": "BucketName", "Value": bucket}, {"Name": "FilterId", "Value": REQUEST_METRICS}],
        StartTime=since,
        EndTime=until,
        Period=60,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in answer["Datapoints"])
