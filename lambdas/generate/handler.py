"""Generate: draw one variant on its first request, and store it unless it exists by then."""

import time
from typing import Any

from lambdas.core.aws_errors import OriginalGoneError
from lambdas.core.clients import dynamodb, s3
from lambdas.core.environment import DerivativesBucketName, Environment, ImagesTableName
from lambdas.core.keys import ImageId, MalformedKeyError, Variant, parse_image_id
from lambdas.core.messages import Generated, GenerateRequest
from lambdas.core.observability import LambdaContext, count, identify, logger, observed, seconds
from lambdas.core.records import OriginalRecord
from lambdas.core.settings import Settings, load_settings
from lambdas.core.stores.derivatives import DerivativeStore
from lambdas.core.stores.images import ImagesTable
from lambdas.core.stores.originals import read_original
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render

_SPARE_SECONDS = 3.0  # left to store the result, or to report a failure, before the function's own timeout


class Variables(Environment):
    """Environment variables of the generator."""

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
    settings, variables = load_settings(), Variables.read()
    variant = ladder_variant(request.variant, settings)
    if variant is None:
        return Generated(status="not_on_ladder")
    image_id = known_image_id(request.image_id)
    item = ImagesTable(dynamodb(), variables.images_table).find(image_id) if image_id else None
    if image_id is None or item is None:
        return Generated(status="unknown_image")
    identify(image_id, item["tenant"])
    if item["outcome"] != "ready":
        return Generated(status="rejected")
    try:
        original = OriginalRecord.model_validate(item["original"])
        (drawn,) = render(read_original(s3(), original), [variant], settings, seconds=left)
    except OriginalGoneError as error:
        logger.warning("Original deleted", extra={"reason": str(error)})
        return Generated(status="unknown_image")
    except RejectedError as error:
        logger.warning("Rejected", extra={"code": error.code, "reason": error.message, "variant": str(variant)})
        return Generated(status="rejected")
    store = DerivativeStore(s3(), variables.derivatives_bucket, settings)
    status = "made" if store.put_if_absent(image_id, variant, drawn.data) else "exists"
    logger.info("Generated", extra={"variant": str(variant), "bytes": len(drawn.data), "status": status})
    return Generated(status=status, bytes=len(drawn.data))


def known_image_id(text: str) -> ImageId | None:
    """Return ``text`` as an image id, or None if no image can have it."""
    try:
        return parse_image_id(text)
    except MalformedKeyError:
        return None


def ladder_variant(text: str, settings: Settings) -> Variant | None:
    """Return ``text`` as a variant on the ladder, or None."""
    try:
        variant = Variant.parse(text)
    except MalformedKeyError:
        return None
    return variant if settings.ladder.allows(variant) else None
