"""What flows need on Prefect's server: ``python -m flows.setup``, once per stage; it can be repeated.

Creates the concurrency limits, blocks of prefect-aws for the deployed resources and, with --notify, an automation that
posts every failed scheduled run to a webhook, such as one of Slack.
"""

import os
from datetime import timedelta
from typing import Annotated

import typer
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect_aws import AwsClientParameters, AwsCredentials, S3Bucket
from pydantic import SecretStr

from flows.reporting.queries import find_analytics
from flows.runtime.policies import LIMITS, ensure_limits
from lambdas.core.settings import DEFAULT_STAGE, Settings, SettingsError, load_settings
from operations.discovery import NotDeployedError

# With this variable AWS is an emulator, so its keys may be stored. On AWS, roles are used and no key is stored.
_ENDPOINT = "AWS_ENDPOINT_URL"
# The server tags runs that a schedule started; Darkroom's deployments have the other tag.
_TAGS = ("auto-scheduled", "darkroom")
_UNSUCCESSFUL = ["FAILED", "CRASHED"]  # state types, independent of the state's name
# A Jinja template that the server fills in: the message format of Slack, Mattermost and others.
_PAYLOAD = (
    '{"text": {{ (flow.name ~ " " ~ flow_run.name ~ " is " ~ flow_run.state.name ~ ": " ~ '
    '(flow_run.state.message or "") ~ " " ~ (flow_run|ui_url)) | tojson }}}'
)


def set_up(settings: Settings, notify: str | None = None) -> list[str]:
    """Create or update everything; return a line about each.

    ``notify`` is the URL for failed scheduled runs; None leaves it unchanged.

    Raises:
        NotDeployedError: the stage is not deployed.
    """
    ensure_limits(settings)
    made = [f"limit {limit.name(settings)}: {limit.slots(settings)} at once" for limit in LIMITS]
    made += [f"block {name}" for name in save_blocks(settings)]
    if notify:
        made.append(f"automation {ensure_alert(notify, settings)}")
    return made


def save_blocks(settings: Settings) -> list[str]:
    """Create or replace the stage's blocks; return their names.

    Raises:
        NotDeployedError: the stage has no reports bucket.
    """
    analytics = find_analytics(settings)
    credentials = _credentials(analytics.region)
    blocks = {
        settings.prefix: credentials,
        f"{settings.prefix}-reports": S3Bucket(bucket_name=analytics.reports_bucket, credentials=credentials),
    }
    for name, block in blocks.items():
        block.save(name, overwrite=True)
    return [f"{block.get_block_type_slug()}/{name}" for name, block in blocks.items()]


def _credentials(region: str) -> AwsCredentials:
    endpoint = os.environ.get(_ENDPOINT)
    if endpoint is None:
        return AwsCredentials(region_name=region)
    secret = os.environ.get("AWS_SECRET_ACCESS_KEY")
    return AwsCredentials(
        region_name=region,
        profile_name=os.environ.get("AWS_PROFILE"),
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=SecretStr(secret) if secret else None,
        aws_client_parameters=AwsClientParameters(endpoint_url=endpoint),
    )


def ensure_alert(url: str, settings: Settings) -> str:
    """Create or update the automation that posts failed scheduled runs to ``url``; return its name."""
    name = f"{settings.prefix}: a scheduled run failed"
    block = Webhook(url=SecretStr(url)).save(f"{settings.prefix}-alerts", overwrite=True)
    automation = AutomationCore(
        name=name,
        description="Posts the run and its message. Set the URL with python -m flows.setup --notify URL.",
        trigger=EventTrigger(
            expect={"prefect.flow-run.*"},
            match={"prefect.resource.id": "prefect.flow-run.*", "prefect.state-type": _UNSUCCESSFUL},
            match_related=[
                {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{tag}"} for tag in _TAGS
            ],
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[CallWebhook(block_document_id=block, payload=_PAYLOAD)],
    )
    with get_client(sync_client=True) as client:
        existing = client.read_automations_by_name(name)
        if existing:
            client.update_automation(existing[0].id, automation)
        else:
            client.create_automation(automation)
    return name


app = typer.Typer(add_completion=False)


@app.command()
def main(
    stage: Annotated[str, typer.Option(help="Stage of the flows.")] = DEFAULT_STAGE,
    notify: Annotated[
        str | None, typer.Option(metavar="URL", help="Where to post failed scheduled runs; unchanged if left out.")
    ] = None,
) -> None:
    """Set up the Prefect server of PREFECT_API_URL: limits, blocks and, with --notify, alerts."""
    try:
        made = set_up(load_settings(stage=stage), notify)
    except (SettingsError, NotDeployedError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    typer.echo("\n".join(made))


if __name__ == "__main__":
    app()
