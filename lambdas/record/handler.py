"""Record: write what became of an upload to the images table."""

from datetime import UTC, datetime
from typing import Any

from lambdas.aws.clients import dynamodb
from lambdas.aws.environment import Environment, ImagesTableName
from lambdas.aws.images import ImagesTable
from lambdas.messages import Recorded, RecordRequest
from lambdas.observability import LambdaContext, count, identify, logger, observed
from lambdas.record.item import image_item


class Variables(Environment):
    """What record is told by its environment."""

    images_table: ImagesTableName


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Record one image's outcome; if another delivery of the same upload did so first, that one stands."""
    request = RecordRequest.model_validate(event)
    identify(request.image.image_id, request.image.tenant)
    item = image_item(request, datetime.now(UTC))
    if ImagesTable(dynamodb(), Variables.read().images_table).add(item):
        logger.info("Recorded", extra={"outcome": item["outcome"], "rejection": item.get("rejection")})
        count(f"image_{item['outcome']}")
        if "rejection" in item:
            count(f"rejected_{item['rejection']['code']}")
    else:
        logger.info("Recorded already by another delivery")
        count("image_recorded_before")
    return Recorded(outcome=item["outcome"]).to_json()
