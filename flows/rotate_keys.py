"""The keys of image tokens changed without a token that is refused: a new one first, the old one's end later.

Run every day by Prefect from its deployment, which does what is due, or by hand: ``python -m flows.rotate_keys
--action rotate --no-dry-run``. May be run again, and may be killed: the key that signs is known to the edge throughout.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import boto3
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.approval import NotApprovedError, ask, question_about
from flows.command_line import run_from_command_line
from flows.discovery import NotDeployedError, look_up
from flows.showing import show_story
from lambdas.access.signing_key import MalformedKeysError
from lambdas.settings import DEFAULT_STAGE, EDGE_REGION, Settings, SettingsError, load_settings
from operations.edge_key_store import EdgeKeyStore
from operations.image_token_keys import Standing, TokenKeyring, TooSoonError
from operations.key_rotation import Step, due


def _run_name() -> str:
    return f"{'plan to ' if flow_run.parameters.get('dry_run') else ''}{flow_run.parameters.get('action')} keys"


@task(cache_policy=NO_CACHE)
def change_keys(keyring: TokenKeyring, action: str, at_once: bool) -> str:
    """Rotate, retire or publish, and say what changed. Not tried again by itself: a second try may be a second key."""
    if action == "rotate":
        rotation = keyring.rotate()
        return (
            f"{rotation.signing} signs from now on; retire the old key from {rotation.retire_after:%Y-%m-%d %H:%M} UTC"
        )
    changes = keyring.retire(at_once=at_once) if action == "retire" else keyring.publish()
    return f"the edge learnt {len(changes.added)} keys and forgot {len(changes.removed)}"


@flow(name="rotate-keys", flow_run_name=_run_name, validate_parameters=True)
def rotate_keys(
    action: Literal["due", "rotate", "retire", "publish"] = "due",
    at_once: bool = False,
    dry_run: bool = True,
    stage: str = DEFAULT_STAGE,
) -> State[Any]:
    """Change the keys that image tokens are signed with, while tokens of the old key stay good.

    Args:
        action: due does what is due by the keys' age; rotate makes a key and signs with it; retire forgets the old
            one; publish only makes the edge know the keys that there are.
        at_once: retire a key although tokens of it are still good, for a key that others know; somebody has to
            approve it.
        dry_run: only say what would be done.
        stage: of which platform: dev, staging, production …

    A second rotation while an old key lives, a retirement before its time, a secret without keys and a stage that is
    not deployed end as Failed, and change nothing.
    """
    try:
        settings = load_settings(stage=stage)
        keyring = _keyring(settings)
        standing = keyring.standing()
        step = _step(action, standing, settings.operations.key_days, at_once=at_once)
    except (SettingsError, NotDeployedError, MalformedKeysError, TooSoonError) as error:
        return Failed(message=str(error))
    if dry_run or step.action == "nothing":
        message = f"{'dry run: ' if dry_run else ''}{step.action}: {step.why}"
        _show(message, standing)
        return Completed(message=message)
    if step.action == "retire" and at_once and datetime.now(UTC) < standing.retire_after:
        try:
            ask(question_about(_warning(standing)), settings.operations.approval_seconds)
        except NotApprovedError as error:
            return error.state
    try:
        message = change_keys(keyring, step.action, at_once)
    except TooSoonError as error:
        return Failed(message=str(error))
    _show(message, keyring.standing())
    return Completed(message=message)


def _keyring(settings: Settings) -> TokenKeyring:
    region = settings.regions.primary
    found = look_up(settings, {"secret": "image-token-keys-secret"}, region)
    found |= look_up(settings, {"store": "image-token-store"}, EDGE_REGION)
    store = EdgeKeyStore(boto3.client("cloudfront-keyvaluestore", region_name=EDGE_REGION), found["store"])
    return TokenKeyring(boto3.client("secretsmanager", region_name=region), found["secret"], store, settings)


def _step(action: str, standing: Standing, key_days: int, *, at_once: bool) -> Step:
    if action == "rotate":
        if standing.others:
            raise TooSoonError(
                f"expected one key before a rotation but {', '.join(standing.others)} lives beside {standing.signing}:"
                f" retire it, from {standing.retire_after:%Y-%m-%d %H:%M} UTC on"
            )
        return Step("rotate", "asked for")
    if action == "retire":
        if not standing.others:
            return Step("nothing", f"{standing.signing} is the only key")
        return Step("retire", f"{', '.join(standing.others)}{', at once' if at_once else ''}")
    return Step("publish", "asked for") if action == "publish" else due(standing, datetime.now(UTC), key_days)


def _warning(standing: Standing) -> str:
    return (
        f"**Every token of {', '.join(standing.others)} will be refused from now on**: viewers of private pictures get"
        f" 401 until they have a new one. They end by themselves at {standing.retire_after:%Y-%m-%d %H:%M} UTC."
    )


def _show(sentence: str, standing: Standing) -> None:
    lines = [
        f"- `{standing.signing}` signs, since {standing.changed_at:%Y-%m-%d %H:%M} UTC",
        *(f"- `{kid}` is still good, until {standing.retire_after:%Y-%m-%d %H:%M} UTC" for kid in standing.others),
    ]
    show_story("rotate-keys", sentence, lines, what="The keys of image tokens")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow from a command line and return the exit status."""
    return run_from_command_line(rotate_keys, arguments)


if __name__ == "__main__":
    sys.exit(main())
