"""Record: write an upload's outcome to the images table."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lambdas.core.clients import dynamodb, s3
from lambdas.core.environment import DerivativesBucketName, Environment, ImagesTableName
from lambdas.core.keys import Format
from lambdas.core.messages import Recorded, RecordRequest, StoredDerivative
from lambdas.core.observability import LambdaContext, count, identify, logger, observed, seconds, size
from lambdas.core.records import image_item
from lambdas.core.settings import load_settings
from lambdas.core.stores.derivatives import DerivativeStore
from lambdas.core.stores.images import ImagesTable


class Variables(Environment):
    """Environment variables of record."""

    derivatives_bucket: DerivativesBucketName
    images_table: ImagesTableName


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Record one image's outcome. If another delivery of the same upload was first, its outcome is kept."""
    started = time.perf_counter()
    request = RecordRequest.model_validate(event)
    identify(request.image.image_id, request.image.tenant)
    now = datetime.now(UTC)
    item = image_item(request, now)
    made = [derivative for derived in request.derivations for derivative in derived.derivatives]
    recorded = _add(item)
    if recorded is item:
        _measure(request, made, item, (now - request.image.uploaded_at).total_seconds())
    if recorded is None or recorded["outcome"] == "rejected":
        _discard(request, made)
    seconds("record_seconds", time.perf_counter() - started)
    return Recorded(outcome=(recorded or item)["outcome"]).to_json()


def _add(item: dict[str, Any]) -> dict[str, Any] | None:
    """Write ``item`` and return it, or the item that is already there; None if that was taken down since."""
    table = ImagesTable(dynamodb(), Variables.read().images_table)
    if table.add(item):
        logger.info("Recorded", extra={"outcome": item["outcome"], "rejection": item.get("rejection")})
        return item
    logger.info("Already recorded by another delivery")
    count("image_recorded_before")
    return table.find(item["image_id"], now=True)


def _measure(request: RecordRequest, made: Sequence[StoredDerivative], item: dict[str, Any], waited: float) -> None:
    """Publish metrics of an image, only for the outcome that was written, so that each image counts once."""
    count(f"image_{item['outcome']}")
    seconds("upload_to_outcome_seconds", waited)
    if "rejection" in item:
        count(f"rejected_{item['rejection']['code']}")
    else:
        count("derivatives_made", len(made))
        size("bytes_saved", bytes_saved(request.image.bytes, made, load_settings().rendering.eager_formats))


def bytes_saved(original: int, made: Sequence[StoredDerivative], formats: Sequence[Format]) -> int:
    """Return the bytes saved per view: the original's size minus that of the widest derivative.

    The derivative is in the first of ``formats``, which most viewers receive. Negative if the original was smaller;
    0 if nothing was made ahead.
    """
    preferred = [each for each in made if each.variant.format in formats[:1]]
    if not preferred:
        return 0
    widest = max(preferred, key=lambda each: (each.variant.width, each.variant.height == 0))
    return original - widest.bytes


def _discard(request: RecordRequest, made: Sequence[StoredDerivative]) -> None:
    """Delete the derivatives of an image that was rejected or taken down.

    Only after the outcome is written, so that derivatives of an image that another delivery recorded as ready are
    never touched. If this fails, the retry finds the outcome and discards again.
    """
    variants = [each.variant for each in made]
    if variants:
        store = DerivativeStore(s3(), Variables.read().derivatives_bucket, load_settings())
        store.remove(request.image.image_id, variants)
        logger.info("Derivatives of a rejected image removed", extra={"variants": [str(each) for each in variants]})
