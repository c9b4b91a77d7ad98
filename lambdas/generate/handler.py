"""Generate: draw one variant that no one has asked for before, and store it unless another just did."""

import time
from typing import Any

from lambdas.core.aws_errors import OriginalGoneError
from lambdas.core.clients import dynamodb, s3
from lambdas.core.environment import DerivativesBucketName, Environment, ImagesTableName
from lambdas.core.messages import Generated, GenerateRequest
from lambdas.core.observability import (
    LambdaContext,
    count,
    identify,
    logger,
    observed,
    seconds,
)
from lambdas.core.recorded import StoredOriginal
from lambdas.core.settings import load_settings
from lambdas.core.stores.derivatives import DerivativeStore
from lambdas.core.stores.images import ImagesTable
from lambdas.core.stores.originals import read_original
from lambdas.generate.lookup import known_image_id, ladder_variant
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render

_SPARE_SECONDS = 3.0  # to store what was drawn, or to say that it was not, before the function's own timeout


class Variables(Environment):
    """What the generator is told by its environment."""

    derivatives_bucket: DerivativesBucketName
    images_table: ImagesTableName


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Make one variant of one image."""
    started = time.perf_counter()
    left = context.get_remaining_time_in_millis() / 1000 - _SPARE_SECONDS
    generated = _generate(GenerateRequest.model_validate(event), left)
    count(f"generate_{generated.status}")
    seconds("generate_seconds", time.perf_counter() - started)
    return generated.to_json()


def _generate(request: GenerateRequest, left: float) -> Generated:
    variant = ladder_variant(request.variant, load_settings())
    if variant is None:
        return Generated(status="not_on_ladder")
    image_id = known_image_id(request.image_id)
    variables = Variables.read()
    item = ImagesTable(dynamodb(), variables.images_table).find(image_id) if image_id else None
    if image_id is None or item is None:
        return Generated(status="unknown_image")
    identify(image_id, item["tenant"])
    if item["outcome"] != "ready":
        return Generated(status="rejected")
    settings, original = load_settings(), StoredOriginal.model_validate(item["original"])
    try:
        (drawn,) = render(read_original(s3(), original), [variant], settings, seconds=left)
    except OriginalGoneError as error:
        logger.warning("Original gone", extra={"reason": str(error)})
        return Generated(status="unknown_image")
    except RejectedError as error:
        logger.warning("Rejected", extra={"code": error.code, "reason": error.message, "variant": str(variant)})
        return Generated(status="rejected")
    store = DerivativeStore(
        s3(), variables.derivatives_bucket, settings.delivery.cache_control, settings.formats.calibration
    )
    status = "made" if store.put_if_absent(image_id, variant, drawn.data) else "exists"
    logger.info("Generated", extra={"variant": str(variant), "bytes": len(drawn.data), "status": status})
    return Generated(status=status, bytes=len(drawn.data))
