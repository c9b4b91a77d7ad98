"""The CloudWatch dashboard: rows by question, with the alarms of all stacks."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.dashboard import widgets
from infra.names import Names
from infra.stacks.base import DarkroomStack
from lambdas.core.settings import EDGE_REGION
from operations.costs.prices import PRICES


class DashboardStack(DarkroomStack):
    """In us-east-1 beside the distribution, whose id it looks up; it shows metrics of all regions."""

    def __init__(self, scope: Construct, names: Names, stacks: Sequence[DarkroomStack]) -> None:
        super().__init__(
            scope,
            "Dashboard",
            names=names,
            region=EDGE_REGION,
            description="Darkroom: is it healthy, who is hurting, what does it cost",
        )
        distribution_id = ssm.StringParameter.value_for_string_parameter(
            self, self.settings.parameter_name("distribution-id")
        )
        rows = [
            widgets.heading("Is it healthy?"),
            *([widgets.alarms("Alarms", alarms)] if (alarms := self._alarms(stacks)) else []),
            widgets.edge(names, distribution_id),
            widgets.heading("Who is hurting?"),
            widgets.tenants(names),
            *(widgets.lane(lane, names) for lane in self.settings.lane_names),
            widgets.heading(f"What does it cost? Estimates at the prices of {PRICES.read_on}, without tiers and taxes"),
            widgets.costs(names, distribution_id),
        ]
        cloudwatch.Dashboard(self, "Dashboard", dashboard_name=names.of("health"), widgets=rows)
        self.publish("dashboard", names.of("health"), "CloudWatch dashboard")

    def _alarms(self, stacks: Sequence[DarkroomStack]) -> list[cloudwatch.IAlarm]:
        found = [
            (stack.region, resource.alarm_name)
            for stack in stacks
            for resource in stack.node.find_all()
            if isinstance(resource, cloudwatch.CfnAlarm)
        ]
        return [
            cloudwatch.Alarm.from_alarm_arn(
                self, f"Alarm-{region}-{name}", f"arn:aws:cloudwatch:{region}:{self.names.account}:alarm:{name}"
            )
            for region, name in found
        ]
