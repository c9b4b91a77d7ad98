"""Rotate signing keys without a valid token being refused: those of image tokens, or one tenant's.

Run it daily from its deployment, which does what is due, or by hand: ``python -m flows.rotate_keys --action rotate
--no-dry-run``. It can be repeated and interrupted: the edge accepts the signing key at every step.
"""

import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import boto3
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.runtime.approval import NotApprovedError, approval_form, require_approval
from flows.runtime.artifacts import show_summary
from flows.runtime.command_line import run_from_command_line
from flows.runtime.role import take_role
from lambdas.core.access.signing_key import MalformedKeysError
from lambdas.core.settings import DEFAULT_STAGE, EDGE_REGION, Settings, SettingsError, load_settings
from operations.discovery import NotDeployedError, UnknownTenantError, chosen_tenants, look_up
from operations.keys.edge_key_store import EdgeKeyStore
from operations.keys.keyrings import KeyState, NoTenantKeyError, Step, TenantKeyring, TokenKeyring, TooSoonError, due


def _run_name() -> str:
    parameters = flow_run.parameters
    keys = parameters.get("tenant") or "image tokens"
    return f"{'plan to ' if parameters.get('dry_run') else ''}{parameters.get('action')} keys of {keys}"


@task(cache_policy=NO_CACHE)
def change_keys(keyring: TokenKeyring | TenantKeyring, action: str, at_once: bool) -> str:
    """Rotate, retire or publish; return what changed. Without retries, because one could create a second key."""
    if action == "rotate":
        rotation = keyring.rotate()
        return f"{rotation.signing} signs now; retire the old key from {rotation.retire_after:%Y-%m-%d %H:%M} UTC"
    if isinstance(keyring, TokenKeyring):
        changes = keyring.retire(at_once=at_once) if action == "retire" else keyring.publish()
        return f"{len(changes.added)} keys added at the edge, {len(changes.removed)} removed"
    return f"{', '.join(keyring.retire(at_once=at_once).removed)} removed"


@flow(name="rotate-keys", flow_run_name=_run_name, validate_parameters=True, on_running=[take_role])
def rotate_keys(
    action: Literal["due", "rotate", "retire", "publish"] = "due",
    tenant: str | None = None,
    at_once: bool = False,
    dry_run: bool = True,
    stage: str = DEFAULT_STAGE,
) -> State[Any]:
    """Rotate the keys that sign tokens, while tokens of the old key stay valid.

    Args:
        action: due does what is due by the age of the keys; rotate creates a key and signs with it; retire removes the
            old one; publish only copies the current keys of image tokens to the edge.
        tenant: Tenant with the upload API keys to rotate; the keys of image tokens if left out.
        at_once: Retire a key although its tokens are still valid, because it leaked; requires approval.
        dry_run: Only show what would be done.
        stage: Stage to work on, such as dev, staging or production.

    A rotation while an old key is still valid, a retirement too early, a secret without keys, an unknown tenant and a
    stage that is not deployed end as Failed and change nothing.
    """
    if tenant is not None and action == "publish":
        return Failed(message=f"expected publish without a tenant, for image tokens, but received {tenant!r}")
    try:
        settings = load_settings(stage=stage)
        keyring = _token_keyring(settings) if tenant is None else _tenant_keyring(settings, tenant)
        state = keyring.state()
        step = _step(action, state, settings.operations.key_days, at_once=at_once)
    except (SettingsError, NotDeployedError, UnknownTenantError) as error:
        return Failed(message=str(error))
    except (NoTenantKeyError, MalformedKeysError, TooSoonError) as error:
        return Failed(message=str(error))
    if dry_run or step.action == "nothing":
        message = f"{'dry run: ' if dry_run else ''}{step.action}: {step.why}"
        _show(message, state)
        return Completed(message=message)
    if step.action == "retire" and at_once and datetime.now(UTC) < state.retire_after:
        try:
            require_approval(approval_form(_warning(state)), settings.operations.approval_seconds)
        except NotApprovedError as error:
            return error.state
    try:
        message = change_keys(keyring, step.action, at_once)
    except TooSoonError as error:
        return Failed(message=str(error))
    _show(message, keyring.state())
    return Completed(message=message)


def _token_keyring(settings: Settings) -> TokenKeyring:
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


def _step(action: str, state: KeyState, key_days: int, *, at_once: bool) -> Step:
    if action == "rotate":
        if state.others:
            raise TooSoonError(
                f"expected one key before a rotation but {', '.join(state.others)} is valid beside {state.signing}:"
                f" retire it, from {state.retire_after:%Y-%m-%d %H:%M} UTC on"
            )
        return Step("rotate", "requested")
    if action == "retire":
        if not state.others:
            return Step("nothing", f"{state.signing} is the only key")
        return Step("retire", f"{', '.join(state.others)}{', at once' if at_once else ''}")
    return Step("publish", "requested") if action == "publish" else due(state, datetime.now(UTC), key_days)


def _warning(state: KeyState) -> str:
    return (
        f"**Every token of {', '.join(state.others)} will be refused with 401 from now on**, until its holder gets"
        f" a new one. They expire by themselves at {state.retire_after:%Y-%m-%d %H:%M} UTC."
    )


def _show(sentence: str, state: KeyState) -> None:
    lines = [
        f"- `{state.signing}` signs, since {state.changed_at:%Y-%m-%d %H:%M} UTC",
        *(f"- `{kid}` is valid until {state.retire_after:%Y-%m-%d %H:%M} UTC" for kid in state.others),
    ]
    show_summary("rotate-keys", sentence, lines, description="The keys that tokens are signed with")


if __name__ == "__main__":
    sys.exit(run_from_command_line(rotate_keys))
