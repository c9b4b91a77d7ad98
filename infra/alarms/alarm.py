"""How every alarm is made: name, threshold, and a description with its meaning and a link to its runbook."""

from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.names import AlarmKind, Names

PERIOD = cdk.Duration.minutes(5)

_COMPARISONS = {
    "above": cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
    "below": cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
}


def alarm(
    scope: Construct,
    *,
    names: Names,
    kind: AlarmKind,
    of: str,
    means: str,
    metric: cloudwatch.IMetric,
    threshold: float,
    rings: Literal["above", "below"] = "above",
    periods: int = 1,
) -> cloudwatch.Alarm:
    """Make an alarm; missing data does not raise it.

    Args:
        scope: the construct that the alarm watches.
        names: of the stage.
        kind: its paragraph in the runbooks.
        of: what it watches, as part of its name.
        means: one sentence for the person on call.
        metric: in the stack's own region, because an alarm cannot read another's.
        threshold: in the metric's unit.
        rings: the side of the threshold that raises it.
        periods: for how many consecutive periods of the metric.
    """
    made = cloudwatch.Alarm(
        scope,
        f"Alarm-{kind}",
        alarm_name=names.alarm(of, kind),
        alarm_description=f"{means} Runbook: {names.settings.alarms.runbook}#{kind}",
        metric=metric,
        threshold=threshold,
        comparison_operator=_COMPARISONS[rings],
        evaluation_periods=periods,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    resource = made.node.default_child
    assert isinstance(resource, cloudwatch.CfnAlarm)  # noqa: S101 - what an L2 alarm is made of
    topic = names.alarm_topic_arn(cdk.Stack.of(scope).region)
    resource.alarm_actions = resource.ok_actions = [topic]
    return made


def metric(
    namespace: str, name: str, dimensions: dict[str, str], statistic: str, period: cdk.Duration = PERIOD
) -> cloudwatch.Metric:
    """Return the metric ``name`` of an AWS service."""
    return cloudwatch.Metric(
        namespace=namespace, metric_name=name, dimensions_map=dimensions, statistic=statistic, period=period
    )


def share(
    *parts: cloudwatch.IMetric, whole: cloudwatch.IMetric, least: int, label: str, in_whole: bool = True
) -> cloudwatch.MathExpression:
    """Return the sum of ``parts`` in percent of ``whole``; 0 while the sum is at most ``least``.

    Without ``in_whole``, the whole does not count the parts, and all together are 100 percent. AWS publishes no metric
    while it is 0.
    """
    numbered = {f"part{number}": part for number, part in enumerate(parts)}
    total = " + ".join(f"FILL({name}, 0)" for name in numbered)
    of = "whole" if in_whole else f"({total} + FILL(whole, 0))"
    return cloudwatch.MathExpression(
        expression=f"IF({total} > {least}, 100 * ({total}) / {of}, 0)",
        using_metrics={**numbered, "whole": whole},
        label=f"{label}, percent",
        period=PERIOD,
    )
