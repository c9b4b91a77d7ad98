"""Derive: draw one group of an original's variants and put each into the derivatives bucket."""

import time
from typing import Any

from botocore.exceptions import ClientError

from lambdas.core import life
from lambdas.core.aws_errors import OriginalGoneError
from lambdas.core.clients import dynamodb, s3
from lambdas.core.drawing import Drawing
from lambdas.core.environment import DerivativesBucketName, Environment, ImagesTableName, seconds_left
from lambdas.core.messages import Derived, DeriveRequest
from lambdas.core.observability import LambdaContext, count, identify, observed, seconds
from lambdas.core.settings import load_settings
from lambdas.core.stores.derivatives import INSPECTED_FOLDER, DerivativeStore
from lambdas.core.stores.images import ImagesTable
from lambdas.core.stores.originals import read_original


class Variables(Environment):
    """Environment variables of derive."""

    derivatives_bucket: DerivativesBucketName
    images_table: ImagesTableName


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Draw and store one group."""
    started = time.perf_counter()
    derived = _derive(DeriveRequest.model_validate(event), context)
    took = time.perf_counter() - started
    count("derivatives_drawn", len(derived.derivatives))  # again for each delivery of the same upload
    seconds("derive_seconds", took)
    return derived.model_copy(update={"seconds": round(took, 4)}).to_json()


def _derive(request: DeriveRequest, context: LambdaContext) -> Derived:
    image, settings, variables = request.image, load_settings(), Variables.read()
    identify(image.image_id, image.tenant)
    images = ImagesTable(dynamodb(), variables.images_table)
    store = DerivativeStore(
        s3(), variables.derivatives_bucket, settings, INSPECTED_FOLDER if request.for_inspection else ""
    )
    try:
        data = read_original(s3(), image)
    except (OriginalGoneError, ClientError):
        if life.is_wanted(images.find(image.image_id, now=True), image.etag):
            raise
        # An attempt before this one may have been killed after it stored some.
        store.remove(image.image_id, request.variants)
        return Derived(outcome="unwanted", seconds=0)
    drawing = Drawing(image.image_id, image.etag, data, images, store, settings)
    # Record removes the derivatives of a rejected picture: other groups may still be drawing it.
    return drawing.draw_and_store(request.variants, seconds=seconds_left(context))
