"""The cost estimate's assumptions about a stage without traffic match its templates."""

import pytest
from synthesized import Assembly, Resource

from operations.costs.workload import Assumptions

ASSUMED = Assumptions()


def metrics(alarm: Resource) -> int:
    """Return the number of metrics of an alarm, by which it is billed."""
    queries = alarm.properties.get("Metrics")
    return sum("MetricStat" in query for query in queries) if queries else 1


def test_number_of_alarms_is_near_the_estimates(aws: Assembly) -> None:
    alarms = aws.all("AWS::CloudWatch::Alarm")
    of_a_lane = sum(metrics(alarm) for alarm in alarms if "Lane-" in alarm.stack)
    beside = sum(metrics(alarm) for alarm in alarms) - of_a_lane
    assert of_a_lane == pytest.approx(ASSUMED.alarmed_metrics_of_a_lane, rel=0.2)
    assert beside == pytest.approx(ASSUMED.alarmed_metrics, rel=0.2)


def test_other_monthly_resources_are_the_estimates(aws: Assembly) -> None:
    assert len(aws.all("AWS::CloudWatch::Dashboard")) == ASSUMED.dashboards
    assert len(aws.one("AWS::WAFv2::WebACL").properties["Rules"]) == ASSUMED.web_acl_rules


def test_number_of_kms_keys_is_the_estimates(aws: Assembly) -> None:
    assert len(aws.all("AWS::KMS::Key")) == ASSUMED.keys
