"""The replica's share of reads, which its function computes from S3's counts in two regions."""

import json
from datetime import UTC, datetime, timedelta

from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.names import Names
from lambdas.fallback_share.handler import METRIC, NAMESPACE
from lambdas.fallback_share.reads import REQUEST_METRICS


def count(stack: LocalStack, bucket: str, region: str, reads: int, moment: datetime) -> None:
    """Publish the metric of S3 for reads of ``bucket``; the emulator's S3 has none."""
    stack.client("cloudwatch", region).put_metric_data(
        Namespace="AWS/S3",
        MetricData=[
            {
                "MetricName": "GetRequests",
                "Dimensions": [
                    {"Name": "BucketName", "Value": bucket},
                    {"Name": "FilterId", "Value": REQUEST_METRICS},
                ],
                "Timestamp": moment,
                "Value": reads,
                "Unit": "Count",
            }
        ],
    )


def test_the_share_is_published_where_the_alarm_reads_it(stack: LocalStack) -> None:
    names, regions = Names(stack.settings, ACCOUNT), stack.settings.regions
    functions = stack.client("lambda", regions.replica)
    metrics = stack.client("cloudwatch", regions.replica)

    # One moment for both: the function counts by period, and a period may end between two calls.
    five_minutes_ago = datetime.now(UTC) - timedelta(minutes=5)
    count(stack, names.derivatives_bucket, regions.primary, 800, five_minutes_ago)
    count(stack, names.replica_bucket, regions.replica, 200, five_minutes_ago)
    answer = functions.invoke(FunctionName=names.function("fallback_share"), Payload=b"{}")
    counted = json.loads(answer["Payload"].read())

    assert "FunctionError" not in answer, counted
    assert counted["share"] == counted["replica_reads"] / counted["primary_reads"] == 0.25
    (alarm,) = metrics.describe_alarms(AlarmNames=[names.alarm("edge", "served-from-replica")])["MetricAlarms"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (NAMESPACE, METRIC)
    now = datetime.now(UTC)
    told = metrics.get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=METRIC,
        Dimensions=alarm["Dimensions"],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=alarm["Period"],
        Statistics=[alarm["Statistic"]],
    )
    assert max(point[alarm["Statistic"]] for point in told["Datapoints"]) == 0.25 > alarm["Threshold"]
