"""Derive: draw one group of an original's variants and put each into the derivatives bucket."""

import time
from typing import Any

from lambdas.core.clients import s3
from lambdas.core.drawing import draw_and_store
from lambdas.core.environment import DerivativesBucketName, Environment
from lambdas.core.messages import Derived, DeriveRequest
from lambdas.core.observability import LambdaContext, count, identify, observed, seconds
from lambdas.core.settings import load_settings
from lambdas.core.stores.derivatives import DerivativeStore
from lambdas.core.stores.originals import read_original


class Variables(Environment):
    """Environment variables of derive."""

    derivatives_bucket: DerivativesBucketName


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Draw and store one group."""
    started = time.perf_counter()
    derived = _derive(DeriveRequest.model_validate(event))
    took = time.perf_counter() - started
    count("derivatives_drawn", len(derived.derivatives))  # again for each delivery of the same upload
    seconds("derive_seconds", took)
    return derived.model_copy(update={"seconds": round(took, 4)}).to_json()


def _derive(request: DeriveRequest) -> Derived:
    image, settings = request.image, load_settings()
    identify(image.image_id, image.tenant)
    data = read_original(s3(), image)
    store = DerivativeStore(s3(), Variables.read().derivatives_bucket, settings)
    # Record removes the derivatives of a rejected picture: other groups may still be drawing it.
    return draw_and_store(image.image_id, data, request.variants, store, settings)
