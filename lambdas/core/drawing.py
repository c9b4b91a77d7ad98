"""Draw a group of an original's variants, and store each as soon as it is done."""

import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from lambdas.core.keys import ImageId, Variant
from lambdas.core.messages import Derived, Rejection, StoredDerivative
from lambdas.core.observability import logger
from lambdas.core.settings import Settings
from lambdas.core.stores.derivatives import DerivativeStore
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import Derivative, render

_WRITERS = 4  # concurrent puts while the next derivative is encoded


def draw_and_store(
    image_id: ImageId,
    data: bytes,
    variants: Sequence[Variant],
    store: DerivativeStore,
    settings: Settings,
    *,
    seconds: float = math.inf,
) -> Derived:
    """Draw ``variants`` of the original in ``data`` and store each; ``seconds`` is the limit that ``render`` takes.

    The result lists what was stored even if another variant could not be drawn.

    Raises:
        ClientError: S3 refused a derivative; a retry may help.
    """

    def stored(drawn: Derivative) -> StoredDerivative:
        store.put(image_id, drawn.variant, drawn.data)
        return StoredDerivative(
            variant=drawn.variant,
            bytes=len(drawn.data),
            width=drawn.size.width,
            height=drawn.size.height,
            calibration=settings.formats.calibration,
        )

    puts: list[Future[StoredDerivative]] = []
    rejection: Rejection | None = None
    with ThreadPoolExecutor(_WRITERS) as writers:
        try:
            puts.extend(writers.submit(stored, drawn) for drawn in render(data, variants, settings, seconds=seconds))
        except RejectedError as error:
            logger.info("Rejected", extra={"code": error.code, "reason": error.message})
            rejection = Rejection.of(error)
    made = tuple(put.result() for put in puts)
    return Derived(outcome="rejected" if rejection else "made", derivatives=made, rejection=rejection, seconds=0)
