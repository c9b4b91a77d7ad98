"""Draw a group of an original's variants, store each as soon as it is done, and keep them only if they are wanted."""

import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from lambdas.core import life
from lambdas.core.keys import ImageId, Variant
from lambdas.core.messages import Derived, Rejection, StoredDerivative
from lambdas.core.observability import count, logger
from lambdas.core.settings import Settings
from lambdas.core.stores.derivatives import DerivativeStore
from lambdas.core.stores.images import ImagesTable
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import Derivative, render

_WRITERS = 4  # concurrent puts while the next derivative is encoded


@dataclass(frozen=True, slots=True)
class Drawing:
    """An original to draw from, and where its derivatives are stored."""

    image_id: ImageId
    etag: str
    data: bytes
    images: ImagesTable
    derivatives: DerivativeStore
    settings: Settings

    def draw_and_store(self, variants: Sequence[Variant], *, seconds: float = math.inf) -> Derived:
        """Draw ``variants`` and store each; ``seconds`` is the limit that ``render`` takes.

        The result lists what was stored even if another variant could not be drawn; nothing if the image was
        removed or rejected meanwhile.

        Raises:
            OutOfTimeError: ``seconds`` have passed; a retry may help.
            ClientError: S3 or the table refused; a retry may help.
        """
        puts: list[Future[StoredDerivative]] = []
        rejection: Rejection | None = None
        with ThreadPoolExecutor(_WRITERS) as writers:
            try:
                drawn = render(self.data, variants, self.settings, seconds=seconds)
                puts.extend(writers.submit(self._store, each) for each in drawn)
            except RejectedError as error:
                logger.info("Rejected", extra={"code": error.code, "reason": error.message})
                rejection = Rejection.of(error)
        made = tuple(put.result() for put in puts)
        if made and not life.is_wanted(self.images.find(self.image_id, now=True), self.etag):
            self.derivatives.remove(self.image_id, [each.variant for each in made])
            logger.info("Removed or rejected while it was drawn", extra={"deleted": len(made)})
            count("drawn_for_nothing")
            return Derived(outcome="unwanted", seconds=0)
        return Derived(outcome="rejected" if rejection else "made", derivatives=made, rejection=rejection, seconds=0)

    def _store(self, drawn: Derivative) -> StoredDerivative:
        self.derivatives.put(self.image_id, drawn.variant, drawn.data)
        return stored(drawn, self.settings)


def stored(drawn: Derivative, settings: Settings) -> StoredDerivative:
    """Return what is recorded of a derivative."""
    return StoredDerivative(
        variant=drawn.variant,
        bytes=len(drawn.data),
        width=drawn.size.width,
        height=drawn.size.height,
        calibration=settings.formats.calibration,
    )
