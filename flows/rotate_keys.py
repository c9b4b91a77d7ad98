"""Rotate signing keys without a valid token being refused: those of image tokens, or one tenant's.

Run it daily from its deployment, which does what is due, or by hand: ``python -m flows.rotate_keys --action rotate
--no-dry-run``. It can be repeated and interrupted: the edge accepts the signing key at every step.
"""

import sys
from collections.abc import Callable
from typing import Any

import boto3
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.runtime.approval import approval_state, approve_in_ui
from flows.runtime.artifacts import show_summary
from flows.runtime.command_line import run_from_command_line
from flows.runtime.role import take_role
from lambdas.core.access.signing_keys import MalformedKeysError
from lambdas.core.settings import DEFAULT_STAGE, EDGE_REGION, Settings, SettingsError, load_settings
from lambdas.core.stores.signing_keys import KeysChangedError
from operations.approval import NotApprovedError
from operations.discovery import NotDeployedError, UnknownTenantError, chosen_tenants, look_up
from operations.keys.keyring import (
    IMAGE_TOKEN_KEYS_TABLE,
    IMAGE_TOKEN_STORE,
    TENANT_KEYS_TABLE,
    Keyring,
    KeyState,
    NoKeysError,
    TooSoonError,
)
from operations.keys.rotation import Action, KeyPlan, WrongActionError, state_lines

_REFUSALS = (NoKeysError, MalformedKeysError, TooSoonError, WrongActionError, KeysChangedError)


def _run_name() -> str:
    parameters = flow_run.parameters
    keys = parameters.get("tenant") or "image tokens"
    return f"{'plan to ' if parameters.get('dry_run') else ''}{parameters.get('action')} keys of {keys}"


@flow(name="rotate-keys", flow_run_name=_run_name, validate_parameters=True, on_running=[take_role])
def rotate_keys(
    action: Action = "due",
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

    A rotation while an old key is still valid, a retirement too early, missing keys, keys that someone else changed at
    the same time, an unknown tenant and a stage that is not deployed end as Failed and change nothing.
    """
    try:
        settings = load_settings(stage=stage)
        keyring = _image_token_keyring(settings) if tenant is None else _tenant_keyring(settings, tenant)
        plan = KeyPlan.make(keyring, action, settings.operations.key_days, at_once=at_once)
        if dry_run or plan.step.action == "nothing":
            message = f"{'dry run: ' if dry_run else ''}{plan.sentence}"
        else:
            message = plan.carry_out(keyring, approve_in_ui(settings))
    except (SettingsError, NotDeployedError, UnknownTenantError, *_REFUSALS) as error:
        return Failed(message=str(error))
    except NotApprovedError as error:
        return approval_state(error)
    _show(message, keyring.state())
    return Completed(message=message)


def _image_token_keyring(settings: Settings) -> Keyring:
    found = look_up(settings, {IMAGE_TOKEN_KEYS_TABLE: IMAGE_TOKEN_KEYS_TABLE}, settings.regions.primary)
    found |= look_up(settings, {IMAGE_TOKEN_STORE: IMAGE_TOKEN_STORE}, EDGE_REGION)
    return Keyring.of_image_tokens(settings, _clients(settings), found.__getitem__)


def _tenant_keyring(settings: Settings, tenant: str) -> Keyring:
    chosen_tenants(settings, tenant)
    found = look_up(settings, {TENANT_KEYS_TABLE: TENANT_KEYS_TABLE}, settings.regions.primary)
    return Keyring.of_tenant(settings, tenant, _clients(settings), found.__getitem__)


def _clients(settings: Settings) -> Callable[..., Any]:
    return lambda service, region=None: boto3.client(service, region_name=region or settings.regions.primary)


def _show(sentence: str, state: KeyState) -> None:
    show_summary("rotate-keys", sentence, state_lines(state), description="The keys that tokens are signed with")


if __name__ == "__main__":
    sys.exit(run_from_command_line(rotate_keys))
