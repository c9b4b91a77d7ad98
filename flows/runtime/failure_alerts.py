"""An automation of Prefect's server that tells people of a scheduled run that failed, while nobody was looking."""

from datetime import timedelta

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from pydantic import SecretStr

from lambdas.core.settings import Settings

# What the server gives to a run that a schedule started; each flow of ours carries the other.
_TAGS = ("auto-scheduled", "darkroom")
_UNSUCCESSFUL = ["FAILED", "CRASHED"]  # whatever the state is called
# Jinja, filled in by the server: the message that Slack, Mattermost and most others take.
_PAYLOAD = (
    '{"text": {{ (flow.name ~ " " ~ flow_run.name ~ " is " ~ flow_run.state.name ~ ": " ~ '
    '(flow_run.state.message or "") ~ " " ~ (flow_run|ui_url)) | tojson }}}'
)


def ensure_alert(url: str, settings: Settings) -> str:
    """Have a failed or crashed scheduled run posted to ``url``, in place of any other address; return the name."""
    name = f"{settings.prefix}: a scheduled run failed"
    block = Webhook(url=SecretStr(url)).save(f"{settings.prefix}-alerts", overwrite=True)
    automation = AutomationCore(
        name=name,
        description="Posts the run and its message; python -m flows.setup --notify URL chooses where.",
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
