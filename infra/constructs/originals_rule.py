"""The rule that sends the originals of a lane's tenants into its queue."""

import json
from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.alarms.lanes import rule_alarm
from infra.names import Names
from lambdas.core.settings import Settings
from lambdas.core.settings.lanes import SHARED_LANE

Pattern = dict[str, Any]
_LONGEST_PATTERN = 2048  # characters, by default: EventBridge's quotas


class PatternTooLongError(ValueError):
    """More dedicated tenants than the shared lane's rule can leave out."""


def event_pattern(bucket: str, lane: str, settings: Settings) -> Pattern:
    """Return the pattern of what is for ``lane``: a dedicated tenant's keys, or in the shared lane all others.

    What is in nobody's folder is in the shared lane too: validation says what it is, rather than nobody.

    Raises:
        PatternTooLongError: beyond what EventBridge takes.
    """
    dedicated = [f"{tenant}/" for tenant in settings.dedicated_tenants]
    key: list[Any] = []
    if lane != SHARED_LANE:
        key = [{"prefix": f"{lane}/"}]
    elif dedicated:
        key = [{"anything-but": {"prefix": dedicated if len(dedicated) > 1 else dedicated[0]}}]
    detail: Pattern = {"bucket": {"name": [bucket]}} | ({"object": {"key": key}} if key else {})
    pattern: Pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}
    received = len(json.dumps(pattern))
    if received > _LONGEST_PATTERN:
        raise PatternTooLongError(
            f"expected a rule of the lane {lane} of at most {_LONGEST_PATTERN} characters but received {received}:"
            f" {len(dedicated)} dedicated tenants are too many for it to leave out"
        )
    return pattern


class OriginalsRule(Construct):
    """Rule, target and the queue's leave for it."""

    def __init__(self, scope: Construct, construct_id: str, *, lane: str, queue: sqs.Queue, names: Names) -> None:
        super().__init__(scope, construct_id)
        name = names.of(f"{lane}-originals")
        rule_alarm(self, lane, name, names)
        rule = events.CfnRule(
            self,
            "Rule",
            name=name,
            description=f"Originals as they are created, into the lane {lane}",
            event_pattern=event_pattern(names.originals_bucket, lane, names.settings),
            targets=[events.CfnRule.TargetProperty(id="queue", arn=queue.queue_arn)],
        )
        queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="RuleSends",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
            )
        )
