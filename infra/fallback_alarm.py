"""The alarm that tells when the edge lives on the replica, and the function that counts for it."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra.assets import Assets
from infra.functions import HandlerFunction
from infra.names import Names
from lambdas.fallback_share.handler import METRIC, NAMESPACE, PERIOD, STAGE_DIMENSION


class FallbackAlarm(Construct):
    """Stands in the replica's region: it is there when the primary region is not."""

    def __init__(self, scope: Construct, construct_id: str, *, names: Names, assets: Assets) -> None:
        super().__init__(scope, construct_id)
        self._names = names
        self._counts(assets)
        self._alarm()

    def _counts(self, assets: Assets) -> None:
        handler = HandlerFunction(
            self,
            "Share",
            name="fallback_share",
            names=self._names,
            assets=assets,
            variables={"REPLICA_BUCKET": self._names.replica_bucket},
        )
        handler.allow(
            "Metrics",
            ["cloudwatch:GetMetricStatistics", "cloudwatch:PutMetricData"],
            ["*"],
            "CloudWatch's actions on metrics know no resource: IAM takes only a wildcard for them.",
        )
        events.Rule(
            self,
            "Schedule",
            description="Has the share of reads by the replica counted",
            schedule=events.Schedule.rate(cdk.Duration.minutes(PERIOD.total_seconds() / 60)),
            targets=[targets.LambdaFunction(handler.function, retry_attempts=2)],
        )

    def _alarm(self) -> None:
        cloudwatch.Alarm(
            self,
            "ServedFromReplica",
            alarm_name=self._names.of("served-from-replica"),
            alarm_description=(
                "Pictures are served from the replica: the primary bucket refuses or does not answer. Runbook: see"
                " the region's health, and compare the primary bucket's policy with the deployed template;"
                " deploying the Storage stack puts it back. New variants are not made meanwhile."
            ),
            metric=cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=METRIC,
                dimensions_map={STAGE_DIMENSION: self._names.settings.stage},
                statistic="Maximum",
                period=cdk.Duration.minutes(PERIOD.total_seconds() / 60),
            ),
            threshold=self._names.settings.delivery.tolerated_fallback_share,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
