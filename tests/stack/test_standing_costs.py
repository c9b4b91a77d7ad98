"""What the estimate of costs takes for granted of a stage without traffic, beside what its templates have."""

import pytest
from synthesized import Assembly, Resource

from operations.costs.workload import Assumptions

ASSUMED = Assumptions()


def metrics(alarm: Resource) -> int:
    """Return how many metrics an alarm looks at, for each of which it is paid."""
    queries = alarm.properties.get("Metrics")
    return sum("MetricStat" in query for query in queries) if queries else 1


def test_alarms_are_about_as_many_as_the_estimate_assumes(aws: Assembly) -> None:
    alarms = aws.all("AWS::CloudWatch::Alarm")
    of_a_lane = sum(metrics(alarm) for alarm in alarms if "Lane-" in alarm.stack)
    beside = sum(metrics(alarm) for alarm in alarms) - of_a_lane
    assert of_a_lane == pytest.approx(ASSUMED.alarmed_metrics_of_a_lane, rel=0.2)
    assert beside == pytest.approx(ASSUMED.alarmed_metrics, rel=0.2)


def test_what_else_is_paid_for_by_the_month_is_assumed(aws: Assembly) -> None:
    assert len(aws.all("AWS::CloudWatch::Dashboard")) == ASSUMED.dashboards
    assert len(aws.all("AWS::SecretsManager::Secret")) == ASSUMED.secrets
    assert len(aws.one("AWS::WAFv2::WebACL").properties["Rules"]) == ASSUMED.web_acl_rules


def test_keys_are_counted(aws: Assembly) -> None:
    assert len(aws.all("AWS::KMS::Key")) == ASSUMED.keys
