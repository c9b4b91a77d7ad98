"""The CDK app: every stack of one stage, for one account, with the code assets of one target.

Run by the CDK's CLI (``cdk.json``) and by ``infra.synth``, which both pass their arguments in the environment.
"""

import os
import sys
from typing import cast

import aws_cdk as cdk
from aws_cdk import Validations
from cdk_nag import AwsSolutionsChecks

from infra.assets import Assets
from infra.assets.packages import AssetError, Target
from infra.constructs.lane.routing import PatternTooLongError
from infra.names import Names, NameTooLongError
from infra.stacks.access import AccessStack
from infra.stacks.alarms import AlarmsStack, alarm_regions
from infra.stacks.analytics import AnalyticsStack
from infra.stacks.backfill import BackfillStack
from infra.stacks.dashboard import DashboardStack
from infra.stacks.delivery import DeliveryStack
from infra.stacks.edge_log import EdgeLogStack
from infra.stacks.pipeline import LaneStack, PipelineStack
from infra.stacks.replica import ReplicaStack
from infra.stacks.storage import StorageStack
from infra.stacks.upload_api import UploadStack
from infra.synth import NO_ACCOUNT
from lambdas.core.settings import Settings, SettingsError, default_stage, load_settings


def add_stacks(app: cdk.App, settings: Settings, account: str, assets: Assets) -> None:
    """Add every stack of ``settings.stage`` to ``app``, with the code of ``assets``.

    Raises:
        AssetError: an asset cannot be built.
        NameTooLongError: the settings make a name that AWS would refuse.
        PatternTooLongError: there are more dedicated tenants than one rule can exclude.
    """
    names = Names(settings, account)
    topics = {region: AlarmsStack(app, names, region) for region in alarm_regions(settings)}
    replica = ReplicaStack(app, names, assets)
    storage = StorageStack(app, names)
    analytics = AnalyticsStack(app, names)
    AccessStack(app, names)
    delivery = DeliveryStack(app, names, assets)
    pipeline = PipelineStack(app, names, assets)
    lanes = [LaneStack(app, names, assets, tenant) for tenant in settings.dedicated_tenants]
    storage.add_stack_dependency(replica)  # replication needs an existing bucket
    # Stacks refer to each other by name, so CloudFormation does not know their order.
    upload, backfill = UploadStack(app, names, assets), BackfillStack(app, names, assets)
    for stack in (pipeline, *lanes, upload, backfill, delivery):
        stack.add_stack_dependency(storage)
    alarmed = (replica, storage, pipeline, *lanes, upload, backfill, delivery)
    for stack in alarmed:
        stack.add_stack_dependency(topics[stack.region])  # an alarm needs an existing topic
    for lane in lanes:
        pipeline.add_stack_dependency(lane)  # a new lane takes over before the shared one stops
    delivery.add_stack_dependency(analytics)
    dashboard = DashboardStack(app, names, alarmed)
    dashboard.add_stack_dependency(delivery)
    for region in settings.storage.edge_log_regions:
        EdgeLogStack(app, names, region)


def check_findings(app: cdk.App) -> None:
    """Have cdk-nag's AwsSolutions rules fail the synthesis on any finding that is not acknowledged."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def main() -> None:
    """Synthesize for the account, stage and target in the environment."""
    app = cdk.App(analytics_reporting=False)
    target = cast(Target, app.node.try_get_context("target") or "aws")
    try:
        settings = load_settings(default_stage())
        assets = Assets(target, settings)
        add_stacks(app, settings, os.environ.get("CDK_DEFAULT_ACCOUNT", NO_ACCOUNT), assets)
    except (AssetError, NameTooLongError, PatternTooLongError, SettingsError) as error:
        sys.exit(str(error))
    for archive in assets.built:
        print(archive, file=sys.stderr)
    check_findings(app)
    app.synth()


if __name__ == "__main__":
    main()
