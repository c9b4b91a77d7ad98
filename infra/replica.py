"""The replica of the derivatives, in the second region, and the alarm that tells when the edge lives on it."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.names import Names
from infra.picture_bucket import let_the_edge_serve, picture_bucket
from infra.stack import DarkroomStack

_EVERY_OBJECT = "EntireBucket"


class ReplicaStack(DarkroomStack):
    """The bucket that CloudFront falls back to."""

    def __init__(self, scope: Construct, names: Names) -> None:
        super().__init__(
            scope,
            "Replica",
            names=names,
            region=names.settings.regions.replica,
            description="Darkroom: the copy of the derivatives that the edge falls back to",
        )
        bucket = picture_bucket(self, "Derivatives", names.replica_bucket, metrics=[s3.BucketMetrics(id=_EVERY_OBJECT)])
        let_the_edge_serve(self, bucket)
        self.publish("replica-bucket", bucket.bucket_name, "Bucket that the edge falls back to")
        self._alarm()

    def _alarm(self) -> None:
        # S3's own count, in this region: it is there when the primary region is not. Nobody but the edge reads the
        # replica, and the edge does only when the primary failed, so that every read is one that was failed over.
        cloudwatch.Alarm(
            self,
            "ServedFromReplica",
            alarm_name=self.names.of("served-from-replica"),
            alarm_description=(
                "Pictures are served from the replica: the primary bucket refuses or does not answer. Runbook: see"
                " the region's health, and compare the primary bucket's policy with the deployed template;"
                " deploying the Storage stack puts it back. New variants are not made meanwhile."
            ),
            metric=cloudwatch.Metric(
                namespace="AWS/S3",
                metric_name="GetRequests",
                dimensions_map={"BucketName": self.names.replica_bucket, "FilterId": _EVERY_OBJECT},
                statistic="Sum",
                period=cdk.Duration.minutes(5),
            ),
            threshold=self.settings.delivery.tolerated_fallback_reads,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
