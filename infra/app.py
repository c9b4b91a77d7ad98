"""The CDK app: every stack of one stage, for one account, with the code assets of one target.

Run by the CDK's command (``cdk.json``) and by ``infra.synth``, which both speak through the environment.
"""

import os
import sys
from typing import cast

import aws_cdk as cdk
from aws_cdk import Validations
from cdk_nag import AwsSolutionsChecks

from infra.alarms.stack import AlarmsStack, alarm_regions
from infra.assets import Assets
from infra.assets.packages import AssetError, Target
from infra.constructs.originals_rule import PatternTooLongError
from infra.dashboard.stack import DashboardStack
from infra.names import Names, NameTooLongError
from infra.stacks.analytics import AnalyticsStack
from infra.stacks.backfill import BackfillStack
from infra.stacks.delivery import DeliveryStack
from infra.stacks.edge_log import EdgeLogStack
from infra.stacks.pipeline import LaneStack, PipelineStack
from infra.stacks.replica import ReplicaStack
from infra.stacks.storage import StorageStack
from infra.stacks.upload_api import UploadStack
from infra.synth import NO_ACCOUNT
from lambdas.core.settings import Settings, SettingsError, load_settings


def add_stacks(app: cdk.App, settings: Settings, account: str, assets: Assets) -> None:
    """Put every stack of ``settings.stage`` into ``app``, with the code of ``assets``.

    Raises:
        AssetError: an asset cannot be built.
        NameTooLongError: the settings give a name that AWS would refuse.
        PatternTooLongError: they name more dedicated tenants than one rule can tell apart.
    """
    names = Names(settings, account)
    topics = {region: AlarmsStack(app, names, region) for region in alarm_regions(settings)}
    replica = ReplicaStack(app, names, assets)
    storage = StorageStack(app, names)
    analytics = AnalyticsStack(app, names)
    delivery = DeliveryStack(app, names, assets)
    pipeline = PipelineStack(app, names, assets)
    lanes = [LaneStack(app, names, assets, tenant) for tenant in settings.dedicated_tenants]
    storage.add_stack_dependency(replica)  # S3 replicates to no bucket that is not there
    # They name each other and share no reference, so that the order of deployment is for us to say.
    upload, backfill = UploadStack(app, names, assets), BackfillStack(app, names, assets)
    for stack in (pipeline, *lanes, upload, backfill, delivery):
        stack.add_stack_dependency(storage)
    alarmed = (replica, storage, pipeline, *lanes, upload, backfill, delivery)
    for stack in alarmed:
        stack.add_stack_dependency(topics[stack.region])  # an alarm is refused whose topic is not there
    for lane in lanes:
        pipeline.add_stack_dependency(lane)  # no upload falls between a new lane and the shared one's leaving it
    delivery.add_stack_dependency(analytics)
    dashboard = DashboardStack(app, names, alarmed)
    dashboard.add_stack_dependency(delivery)
    for region in settings.storage.edge_log_regions:
        EdgeLogStack(app, names, region)


def check_findings(app: cdk.App) -> None:
    """Have cdk-nag's AwsSolutions rules stop the synthesis at any finding that nobody acknowledged."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def main() -> None:
    """Synthesize for the account, stage and target that the environment names."""
    app = cdk.App(analytics_reporting=False)
    target = cast(Target, app.node.try_get_context("target") or "aws")
    assets = Assets(target)
    try:
        add_stacks(app, load_settings(), os.environ.get("CDK_DEFAULT_ACCOUNT", NO_ACCOUNT), assets)
    except (AssetError, NameTooLongError, PatternTooLongError, SettingsError) as error:
        sys.exit(str(error))
    for archive in assets.built:
        print(archive, file=sys.stderr)
    check_findings(app)
    app.synth()


if __name__ == "__main__":
    main()
