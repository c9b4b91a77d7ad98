"""Record: write what became of an upload to the images table."""

import time
from datetime import UTC, datetime
from typing import Any

from lambdas.core.clients import dynamodb, s3
from lambdas.core.environment import DerivativesBucketName, Environment, ImagesTableName
from lambdas.core.messages import Recorded, RecordRequest
from lambdas.core.observability import (
    LambdaContext,
    count,
    identify,
    logger,
    observed,
    seconds,
    size,
)
from lambdas.core.settings import load_settings
from lambdas.core.stores.derivatives import remove_derivatives
from lambdas.core.stores.images import ImagesTable
from lambdas.record.item import image_item, made_variants
from lambdas.record.savings import bytes_saved


class Variables(Environment):
    """What record is told by its environment."""

    derivatives_bucket: DerivativesBucketName
    images_table: ImagesTableName


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Record one image's outcome; if another delivery of the same upload did so first, that one stands."""
    started = time.perf_counter()
    request = RecordRequest.model_validate(event)
    identify(request.image.image_id, request.image.tenant)
    now = datetime.now(UTC)
    item = image_item(request, now)
    standing = _written(item)
    if standing is item:
        _measure(request, item, (now - request.image.uploaded_at).total_seconds())
    if standing is None or standing["outcome"] == "rejected":
        _discard(request)
    seconds("record_seconds", time.perf_counter() - started)
    return Recorded(outcome=(standing or item)["outcome"]).to_json()


def _written(item: dict[str, Any]) -> dict[str, Any] | None:
    """Write ``item`` and return it, or what stands in its place; None if that was taken down since."""
    table = ImagesTable(dynamodb(), Variables.read().images_table)
    if table.add(item):
        logger.info("Recorded", extra={"outcome": item["outcome"], "rejection": item.get("rejection")})
        return item
    logger.info("Recorded already by another delivery")
    count("image_recorded_before")
    return table.find(item["image_id"], now=True)


def _measure(request: RecordRequest, item: dict[str, Any], waited: float) -> None:
    """Publish what was made of an image: here and only for the outcome that stands, so that each counts once."""
    count(f"image_{item['outcome']}")
    seconds("upload_to_outcome_seconds", waited)
    if "rejection" in item:
        count(f"rejected_{item['rejection']['code']}")
    else:
        made = [derivative for derived in request.derivations for derivative in derived.derivatives]
        count("derivatives_made", len(made))
        size("bytes_saved", bytes_saved(request.image.bytes, made, load_settings().rendering.eager_formats))


def _discard(request: RecordRequest) -> None:
    """Leave no derivative behind of a picture that no one will be told of.

    After the outcome is written, so that derivatives of a picture that another delivery found ready
    are never touched; should this fail, the retry finds the outcome and comes here again.
    """
    variants = made_variants(request)
    if variants:
        remove_derivatives(s3(), Variables.read().derivatives_bucket, request.image.image_id, variants)
        logger.info("Derivatives of a rejected image removed", extra={"variants": [str(each) for each in variants]})
