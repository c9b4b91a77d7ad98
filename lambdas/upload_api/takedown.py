"""Takedown, and change of focus, by the API: the row is written here, and the sweep function erases what it says.

The API's role can erase nothing. It asks the sweep function, which erases what the row of an image says, and waits
for it: what is answered to have been erased has been erased.
"""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from lambdas.core import life
from lambdas.core.clients import functions, sqs
from lambdas.core.keys import ImageId
from lambdas.core.takedown import Erased, NotErasedError, Removed, Sweep, SweepQueue, Target, bury
from lambdas.upload_api import resources
from lambdas.upload_api.lookup import require_state
from lambdas.upload_api.problem import ProblemError

_WAIT_SECONDS = 18.0  # of the API's 25: the tombstone is written before, and the answer after


def take_down(image_id: ImageId, tenant: str) -> Removed:
    """Remove an image of ``tenant``, in whatever state it is. Idempotent; to be called again after a failure.

    Raises:
        ForeignImageError: it belongs to another tenant.
        NotErasedError, ClientError, BotoCoreError: something is left, if only until the sweep.
    """
    (tombstone,) = bury([Target(image_id, tenant)], resources.images(), _queue())
    return tombstone.removed(_erase_now(tombstone.sweep))


def refocus(row: dict[str, Any], focus: dict[str, float] | None) -> dict[str, Any]:
    """Write another focus into an image's ``row``, and have older crops erased. Idempotent; return the new row.

    The message comes first: if this is interrupted, the sweep does what is left.

    Raises:
        ProblemError: 404 the image was removed meanwhile; 409 it is in a state without crops.
        NotErasedError, ClientError, BotoCoreError: older crops are left, if only until the sweep.
    """
    image_id = require_state(row, *life.FOCUSED)
    sweep = Sweep(image_id=image_id, original_key=row.get("key"))
    _queue().send(sweep)
    while not (applied := resources.images().apply(image_id, life.refocus(row, focus, datetime.now(UTC)))).done:
        if applied.row is None or applied.row["state"] == "removed":
            raise ProblemError(HTTPStatus.NOT_FOUND, f"No image {image_id} for tenant {row['tenant']}")
        require_state(applied.row, *life.FOCUSED)
        row = applied.row  # its derivatives or its focus are not as they were read
    _erase_now(sweep)
    return applied.row or row


def _queue() -> SweepQueue:
    return SweepQueue(sqs(), resources.variables().sweep_queue_url)


def _erase_now(sweep: Sweep) -> Erased:
    reply = functions(_WAIT_SECONDS).invoke(
        FunctionName=resources.variables().sweep_function, Payload=sweep.model_dump_json().encode()
    )
    answer = json.loads(reply["Payload"].read())
    if "FunctionError" in reply:
        raise NotErasedError(
            f"expected {sweep.image_id} to be erased but the sweep function failed: {str(answer)[:500]}"
        )
    return Erased.model_validate(answer)
