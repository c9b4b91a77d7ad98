"""Sweep: erase removed images once more. A message whose takedown cannot be final yet is sent again."""

from datetime import UTC, datetime
from typing import Any

from lambdas.core.image_resources import image_resources, sweep_queue
from lambdas.core.observability import LambdaContext, count, identify, logger, observed
from lambdas.core.takedown import Sweep


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Sweep the images of an SQS batch; messages that failed are named, so that SQS delivers them again."""
    failed = []
    for record in event["Records"]:
        try:
            _sweep(Sweep.model_validate_json(record["body"]))
        except Exception:  # each message on its own: one that fails stays in the queue, then goes to its dead letters
            logger.exception("Not swept")
            failed.append({"itemIdentifier": record["messageId"]})
    count("sweep_failed", len(failed))
    return {"batchItemFailures": failed}


def _sweep(sweep: Sweep) -> None:
    identify(sweep.image_id)
    seconds = image_resources().sweep(sweep, datetime.now(UTC))
    if seconds:
        sweep_queue().send(sweep, seconds)
        return
    count("image_swept")
    logger.info("Swept")
