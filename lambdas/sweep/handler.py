"""Sweep: erase removed images, and crops of an older focus: at once for the upload API, and once more at the end.

The upload API invokes it with one image, and waits. Messages name images that were removed or given another focus; one
that is not due yet is sent again. What is erased is what the image's row says.
"""

from datetime import UTC, datetime
from typing import Any

from lambdas.core.image_resources import image_resources, sweep_queue
from lambdas.core.observability import LambdaContext, count, identify, logger, observed
from lambdas.core.takedown import Sweep


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Erase one image, and return what was erased; or sweep the images of an SQS batch.

    Messages that failed are named, so that SQS delivers them again.
    """
    if "Records" not in event:
        return _erase(Sweep.model_validate(event))
    failed = []
    for record in event["Records"]:
        try:
            _sweep(Sweep.model_validate_json(record["body"]))
        except Exception:  # each message on its own: one that fails stays in the queue, then goes to its dead letters
            logger.exception("Not swept")
            failed.append({"itemIdentifier": record["messageId"]})
    count("sweep_failed", len(failed))
    return {"batchItemFailures": failed}


def _erase(sweep: Sweep) -> dict[str, Any]:
    identify(sweep.image_id)
    erased = image_resources().erase_unwanted(sweep)
    count("image_erased")
    logger.info("Erased", extra={"originals": erased.originals, "by_bucket": erased.by_bucket})
    return erased.to_json()


def _sweep(sweep: Sweep) -> None:
    identify(sweep.image_id)
    seconds = image_resources().sweep(sweep, datetime.now(UTC))
    if seconds:
        sweep_queue().send(sweep, seconds)
        return
    count("image_swept")
    logger.info("Swept")
