"""The alarm that tells when the edge lives on the replica, and the function that counts for it."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra.alarms.alarm import alarm, metric
from infra.assets import Assets
from infra.constructs.functions import HandlerFunction
from infra.names import Names
from lambdas.fallback_share.handler import METRIC, NAMESPACE, PERIOD, STAGE_DIMENSION

_PERIOD = cdk.Duration.minutes(PERIOD.total_seconds() / 60)


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
            schedule=events.Schedule.rate(_PERIOD),
            targets=[targets.LambdaFunction(handler.function, retry_attempts=2)],
        )

    def _alarm(self) -> None:
        alarm(
            self,
            names=self._names,
            kind="served-from-replica",
            of="edge",
            means="Pictures are served from the replica: the primary bucket refuses or does not answer.",
            metric=metric(NAMESPACE, METRIC, {STAGE_DIMENSION: self._names.settings.stage}, "Maximum", _PERIOD),
            threshold=self._names.settings.delivery.tolerated_fallback_share,
        )
