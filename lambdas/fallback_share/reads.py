"""How many reads each bucket of the edge served, and the replica's share of them."""

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

REQUEST_METRICS = "EntireBucket"
"""Id of a bucket's configuration of request metrics over all its objects."""


def count_reads(cloudwatch: "CloudWatchClient", bucket: str, since: datetime, until: datetime) -> float:
    """Return the GET requests for objects of ``bucket`` from ``since`` up to ``until``, successful or refused.

    Raises:
        ClientError, BotoCoreError: CloudWatch in the bucket's region does not answer.
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


def fallback_share(primary: float, replica: float, judged_from: int) -> float | None:
    """Return the replica's share of all reads, from 0 to 1; None if it served too few for a meaningful share.

    The edge always tries the primary bucket before the replica. So the primary's count is that of all reads, refused
    ones included, unless it was unreachable and counted nothing.

    Args:
        primary: reads that the primary bucket counted.
        replica: reads that the replica counted in the same period.
        judged_from: the fewest reads of the replica that give a share, at least 1.
    """
    if replica < judged_from:
        return None
    return replica / max(primary, replica)
