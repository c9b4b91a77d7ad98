"""Which originals a lane's EventBridge rule sends to its queue."""

import json
from typing import Any

from lambdas.core.settings import Settings
from lambdas.core.settings.lanes import SHARED_LANE

_MAX_PATTERN = 2048  # characters: EventBridge's default quota


class PatternTooLongError(ValueError):
    """There are more dedicated tenants than the shared lane's rule can exclude."""


def event_pattern(bucket: str, lane: str, settings: Settings) -> dict[str, Any]:
    """Return the event pattern for ``lane``: the keys of its tenant, or in the shared lane all other keys.

    Keys outside of every tenant's folder go to the shared lane too, where validation reports what they are.

    Raises:
        PatternTooLongError: beyond EventBridge's limit.
    """
    dedicated = [f"{tenant}/" for tenant in settings.dedicated_tenants]
    key: list[Any] = []
    if lane != SHARED_LANE:
        key = [{"prefix": f"{lane}/"}]
    elif dedicated:
        # The operator's page shows one prefix; the CDK's Match.anythingButPrefix has a list too, tried on AWS by the
        # CDK's integration tests (aws-cdk pull request 32063).
        key = [{"anything-but": {"prefix": dedicated if len(dedicated) > 1 else dedicated[0]}}]
    detail: dict[str, Any] = {"bucket": {"name": [bucket]}} | ({"object": {"key": key}} if key else {})
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}
    received = len(json.dumps(pattern))
    if received > _MAX_PATTERN:
        raise PatternTooLongError(
            f"expected an event pattern of at most {_MAX_PATTERN} characters for the lane {lane} but received"
            f" {received}: its rule cannot exclude {len(dedicated)} dedicated tenants"
        )
    return pattern
