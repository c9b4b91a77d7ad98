"""Where alarms and the budget send notifications: one topic per region, because alarms reach only their own."""

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.names import Names
from infra.stacks.base import DarkroomStack
from lambdas.core.settings import EDGE_REGION, Settings
from lambdas.core.settings.monitoring import Budget

_CLOUDWATCH = "cloudwatch.amazonaws.com"
_BUDGETS = "budgets.amazonaws.com"


def alarm_regions(settings: Settings) -> list[str]:
    """Return the regions with alarms."""
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
            self._budget(self.settings.budget, topic.topic_arn)
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
        # Alarms cannot use the AWS managed key of SNS, and its key policy cannot be changed.
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
                resources=["*"],  # in a key policy: this key
                conditions={"StringEquals": {"aws:SourceAccount": self.names.account}},
            )
        )
        return key

    def _budget(self, budget: Budget, topic_arn: str) -> None:
        """Make the budget of everything with this stage's tags; it notifies the topic."""
        tags = {"Application": self.settings.name, "Stage": self.settings.stage}
        subscriber = budgets.CfnBudget.SubscriberProperty(address=topic_arn, subscription_type="SNS")
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=self.names.of("monthly"),
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=budget.monthly_usd, unit="USD"),
                filter_expression=budgets.CfnBudget.ExpressionProperty(
                    and_=[
                        budgets.CfnBudget.ExpressionProperty(
                            tags=budgets.CfnBudget.TagValuesProperty(key=key, values=[value], match_options=["EQUALS"])
                        )
                        for key, value in tags.items()
                    ]
                ),
                metrics=["UnblendedCost"],
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[subscriber],
                )
                for kind, percent in [
                    *(("ACTUAL", percent) for percent in budget.notify_percent),
                    ("FORECASTED", max(budget.notify_percent)),
                ]
            ],
        )
