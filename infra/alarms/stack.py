"""Whom alarms tell: one topic in each region that has alarms, for an alarm reaches no topic of another."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.alarms.budget import budget
from infra.names import Names
from infra.stacks.stack import DarkroomStack
from lambdas.core.settings import EDGE_REGION, Settings

_CLOUDWATCH = "cloudwatch.amazonaws.com"
_BUDGETS = "budgets.amazonaws.com"


def alarm_regions(settings: Settings) -> list[str]:
    """Return the regions whose stacks have alarms."""
    return sorted({settings.regions.primary, settings.regions.replica, EDGE_REGION})


class AlarmsStack(DarkroomStack):
    """The topic of one region, and in us-east-1 the budget."""

    def __init__(self, scope: Construct, names: Names, region: str) -> None:
        super().__init__(
            scope,
            f"Alarms-{region}",
            names=names,
            region=region,
            description=f"Darkroom: whom the alarms of {region} tell",
        )
        senders = [_CLOUDWATCH]
        if region == EDGE_REGION and self.settings.budget:
            senders.append(_BUDGETS)
        topic = self._topic(senders)
        if region == EDGE_REGION and self.settings.budget:
            budget(self, self.settings.budget, topic.topic_arn, names)
        self.publish("alarm-topic", topic.topic_arn, "Topic that alarms tell")

    def _topic(self, senders: list[str]) -> sns.Topic:
        topic = sns.Topic(
            self, "Topic", topic_name=self.names.of("alarms"), master_key=self._key(senders), enforce_ssl=True
        )
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsTell",
                principals=[iam.ServicePrincipal(sender) for sender in senders],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.names.account}},
            )
        )
        for address in self.settings.alarms.emails:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        for url in self.settings.alarms.webhooks:
            topic.add_subscription(subscriptions.UrlSubscription(url))
        return topic

    def _key(self, senders: list[str]) -> kms.Key:
        # AWS's own key for SNS lets no alarm use it: its policy cannot be changed.
        key = kms.Key(
            self,
            "Key",
            description=f"{self.names.of('alarms')}: the topic of alarms",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsEncrypt",
                principals=[iam.ServicePrincipal(sender) for sender in senders],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's own policy: this key
                conditions={"StringEquals": {"aws:SourceAccount": self.names.account}},
            )
        )
        return key
