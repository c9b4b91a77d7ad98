"""Derive: draw one group of an original's variants and put each into the derivatives bucket."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from lambdas.aws.clients import s3
from lambdas.aws.derivatives import DerivativeStore
from lambdas.aws.environment import DerivativesBucketName, Environment
from lambdas.aws.originals import read_original
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import Derivative, render
from lambdas.messages import Derived, DeriveRequest, Rejection, StoredDerivative
from lambdas.observability import LambdaContext, count, identify, logger, observed, seconds
from lambdas.settings import load_settings

_WRITERS = 4  # puts under way while the next derivative is encoded


class Variables(Environment):
    """What derive is told by its environment."""

    derivatives_bucket: DerivativesBucketName


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Draw and store one group."""
    started = time.perf_counter()
    derived = _derive(DeriveRequest.model_validate(event))
    took = time.perf_counter() - started
    count("derivatives_drawn", len(derived.derivatives))  # for another delivery of the same upload, once more
    seconds("derive_seconds", took)
    return derived.model_copy(update={"seconds": round(took, 4)}).to_json()


def _derive(request: DeriveRequest) -> Derived:
    image, settings = request.image, load_settings()
    identify(image.image_id, image.tenant)
    data = read_original(s3(), image)
    store = DerivativeStore(s3(), Variables.read().derivatives_bucket, settings.delivery.cache_control)

    def stored(drawn: Derivative) -> StoredDerivative:
        store.put(image.image_id, drawn.variant, drawn.data)
        return StoredDerivative(
            variant=drawn.variant, bytes=len(drawn.data), width=drawn.size.width, height=drawn.size.height
        )

    puts: list[Future[StoredDerivative]] = []
    rejection: Rejection | None = None
    with ThreadPoolExecutor(_WRITERS) as writers:
        try:
            puts.extend(writers.submit(stored, drawn) for drawn in render(data, request.variants, settings))
        except RejectedError as error:
            logger.info("Rejected", extra={"code": error.code, "reason": error.message})
            rejection = Rejection.of(error)
    # Record takes away what was made of a rejected picture: other groups may be at work on it still.
    made = tuple(put.result() for put in puts)
    return Derived(outcome="rejected" if rejection else "made", derivatives=made, rejection=rejection, seconds=0)
