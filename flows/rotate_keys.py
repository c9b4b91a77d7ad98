"""Keys changed without a token that is refused: a new one first, the old one's end later.

Of image tokens, or those that a tenant signs its tokens for the upload API with.

Run every day by Prefect from its deployment, which does what is due, or by hand: ``python -m flows.rotate_keys
--action rotate --no-dry-run``. May be run again, and may be killed: the key that signs is known to the edge throughout.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import boto3
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.runtime.approval import NotApprovedError, ask, question_about
from flows.runtime.artifacts import show_story
from flows.runtime.command_line import run_from_command_line
from lambdas.core.access.signing_key import MalformedKeysError
from lambdas.core.settings import (
    DEFAULT_STAGE,
    EDGE_REGION,
    Settings,
    SettingsError,
    load_settings,
)
from operations.discovery import NotDeployedError, look_up
from operations.keys.edge_key_store import EdgeKeyStore
from operations.keys.image_token_keys import Standing, TokenKeyring, TooSoonError
from operations.keys.rotation import Step, due
from operations.keys.tenant_keys import NoTenantKeyError, TenantKeyring
from operations.tenants import UnknownTenantError, chosen_tenants


def _run_name() -> str:
    parameters = flow_run.parameters
    whose = parameters.get("tenant") or "image tokens"
    return f"{'plan to ' if parameters.get('dry_run') else ''}{parameters.get('action')} keys of {whose}"


@task(cache_policy=NO_CACHE)
def change_keys(keyring: TokenKeyring | TenantKeyring, action: str, at_once: bool) -> str:
    """Rotate, retire or publish, and say what changed. Not tried again by itself: a second try may be a second key."""
    if action == "rotate":
        rotation = keyring.rotate()
        return (
            f"{rotation.signing} signs from now on; retire the old key from {rotation.retire_after:%Y-%m-%d %H:%M} UTC"
        )
    if isinstance(keyring, TokenKeyring):
        changes = keyring.retire(at_once=at_once) if action == "retire" else keyring.publish()
        return f"the edge learnt {len(changes.added)} keys and forgot {len(changes.removed)}"
    return f"{', '.join(keyring.retire(at_once=at_once).removed)} is forgotten"


@flow(name="rotate-keys", flow_run_name=_run_name, validate_parameters=True)
def rotate_keys(
    action: Literal["due", "rotate", "retire", "publish"] = "due",
    tenant: str | None = None,
    at_once: bool = False,
    dry_run: bool = True,
    stage: str = DEFAULT_STAGE,
) -> State[Any]:
    """Change the keys that tokens are signed with, while tokens of the old key stay good.

    Args:
        action: due does what is due by the keys' age; rotate makes a key and signs with it; retire forgets the old
            one; publish only makes the edge know the keys of image tokens that there are.
        tenant: whose keys of the upload API to change; the keys of image tokens if left out.
        at_once: retire a key although tokens of it are still good, for a key that others know; somebody has to
            approve it.
        dry_run: only say what would be done.
        stage: of which platform: dev, staging, production …

    A second rotation while an old key lives, a retirement before its time, a secret without keys, a tenant that the
    settings do not name and a stage that is not deployed end as Failed, and change nothing.
    """
    if tenant is not None and action == "publish":
        return Failed(message=f"expected publish for image tokens, which the edge has to know, but received {tenant!r}")
    try:
        settings = load_settings(stage=stage)
        keyring = _keyring(settings) if tenant is None else _tenant_keyring(settings, tenant)
        standing = keyring.standing()
        step = _step(action, standing, settings.operations.key_days, at_once=at_once)
    except (SettingsError, NotDeployedError, UnknownTenantError) as error:
        return Failed(message=str(error))
    except (NoTenantKeyError, MalformedKeysError, TooSoonError) as error:
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


def _tenant_keyring(settings: Settings, tenant: str) -> TenantKeyring:
    chosen_tenants(settings, tenant)
    region = settings.regions.primary
    secret = look_up(settings, {"secret": "tenant-keys-secret"}, region)["secret"]
    overlap = timedelta(days=settings.operations.tenant_key_overlap_days)
    return TenantKeyring(boto3.client("secretsmanager", region_name=region), secret, tenant, overlap)


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
        f"**Every token of {', '.join(standing.others)} will be refused from now on**: whoever shows one gets 401"
        f" until there is a new one. They end by themselves at {standing.retire_after:%Y-%m-%d %H:%M} UTC."
    )


def _show(sentence: str, standing: Standing) -> None:
    lines = [
        f"- `{standing.signing}` signs, since {standing.changed_at:%Y-%m-%d %H:%M} UTC",
        *(f"- `{kid}` is still good, until {standing.retire_after:%Y-%m-%d %H:%M} UTC" for kid in standing.others),
    ]
    show_story("rotate-keys", sentence, lines, what="The keys that tokens are signed with")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow from a command line and return the exit status."""
    return run_from_command_line(rotate_keys, arguments)


if __name__ == "__main__":
    sys.exit(main())
