"""Metadata: read an accepted upload's metadata, and group the variants that derive draws."""

import time
from typing import Any

from lambdas.core.clients import s3
from lambdas.core.environment import seconds_left
from lambdas.core.messages import Described, Image, MetadataRequest, Rejection
from lambdas.core.observability import LambdaContext, identify, logger, observed, seconds
from lambdas.core.settings import load_settings
from lambdas.core.stores.originals import read_original
from lambdas.imaging.rejection import RejectedError
from lambdas.metadata.describe import describe


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Describe one original."""
    started = time.perf_counter()
    described = _describe(MetadataRequest.model_validate(event).image, context)
    took = time.perf_counter() - started
    seconds("metadata_seconds", took)
    return described.model_copy(update={"seconds": round(took, 4)}).to_json()


def _describe(image: Image, context: LambdaContext) -> Described:
    identify(image.image_id, image.tenant)
    if image.format is None:
        raise ValueError(f"expected an accepted original with a format but received {image.key} without one")
    data = read_original(s3(), image)
    try:
        metadata, groups = describe(
            data, image.format, load_settings(), image.declared_type, seconds=seconds_left(context)
        )
    except RejectedError as error:
        logger.info("Rejected", extra={"code": error.code, "reason": error.message})
        return Described(outcome="rejected", rejection=Rejection.of(error), seconds=0)
    logger.info("Described", extra={"width": metadata.width, "height": metadata.height, "groups": len(groups)})
    return Described(outcome="accepted", metadata=metadata, groups=groups, seconds=0)
