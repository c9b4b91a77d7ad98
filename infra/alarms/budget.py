"""The budget of one stage: tells of what is spent, and of what the month will come to."""

from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.names import Names
from lambdas.core.settings.budget import Budget


def budget(scope: Construct, settings: Budget, topic_arn: str, names: Names) -> None:
    """Make the budget of all that carries this stage's tags, which tells the topic."""
    tags = {"Application": names.settings.name, "Stage": names.settings.stage}
    reader = budgets.CfnBudget.SubscriberProperty(address=topic_arn, subscription_type="SNS")
    budgets.CfnBudget(
        scope,
        "Budget",
        budget=budgets.CfnBudget.BudgetDataProperty(
            budget_name=names.of("monthly"),
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=budgets.CfnBudget.SpendProperty(amount=settings.monthly_usd, unit="USD"),
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
                subscribers=[reader],
            )
            for percent in settings.notify_percent
            for kind in ("ACTUAL", "FORECASTED")
        ],
    )
