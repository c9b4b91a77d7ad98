"""Takedown by the API: the tombstone is written here, and what there is of the image erased by the sweep function.

The API's role can erase nothing. It asks the sweep function, which erases removed images only, and waits for it: what
is answered to have been erased has been erased.
"""

import json

from lambdas.core.clients import functions, sqs
from lambdas.core.keys import ImageId
from lambdas.core.takedown import Erased, NotErasedError, Removed, SweepQueue, Target, bury
from lambdas.upload_api import resources

_WAIT_SECONDS = 18.0  # of the API's 25: the tombstone is written before, and the answer after


def take_down(image_id: ImageId, tenant: str) -> Removed:
    """Remove an image of ``tenant``, in whatever state it is. Idempotent; to be called again after a failure.

    Raises:
        ForeignImageError: it belongs to another tenant.
        NotErasedError, ClientError, BotoCoreError: something is left, if only until the sweep.
    """
    queue = SweepQueue(sqs(), resources.variables().sweep_queue_url)
    (tombstone,) = bury([Target(image_id, tenant)], resources.images(), queue)
    reply = functions(_WAIT_SECONDS).invoke(
        FunctionName=resources.variables().sweep_function, Payload=tombstone.sweep.model_dump_json().encode()
    )
    answer = json.loads(reply["Payload"].read())
    if "FunctionError" in reply:
        raise NotErasedError(f"expected {image_id} to be erased but the sweep function failed: {str(answer)[:500]}")
    return tombstone.removed(Erased.model_validate(answer))
