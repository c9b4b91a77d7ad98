"""Draw a group of an original's variants, store each as soon as it is done, and keep them only if they are wanted."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from lambdas.core import life
from lambdas.core.keys import ImageId, Variant
from lambdas.core.messages import Derived, Rejection, StoredDerivative
from lambdas.core.observability import count, logger
from lambdas.core.records import CropFocus
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
        ends = time.monotonic() + seconds
        focus = CropFocus(None, 0)
        if any(each.height for each in variants):
            focus = CropFocus.of(self.images.find(self.image_id, now=True) or {})
        made, rejection = self._draw(variants, focus, seconds)
        while made:
            row = self.images.find(self.image_id, now=True)
            if row is None or not life.is_wanted(row, self.etag):
                self.derivatives.remove(self.image_id, [each.variant for each in made])
                logger.info("Removed or rejected while it was drawn", extra={"deleted": len(made)})
                count("drawn_for_nothing")
                return Derived(outcome="unwanted", seconds=0)
            crops = [each.variant for each in made if each.variant.height]
            if not crops or CropFocus.of(row) == focus:
                break
            # Drawn for an older focus, they must not stay: whoever changed it may have looked before they were put.
            focus = CropFocus.of(row)
            again, _ = self._draw(crops, focus, ends - time.monotonic())
            made = (*(each for each in made if not each.variant.height), *again)
        return Derived(outcome="rejected" if rejection else "made", derivatives=made, rejection=rejection, seconds=0)

    def _draw(
        self, variants: Sequence[Variant], focus: CropFocus, seconds: float
    ) -> tuple[tuple[StoredDerivative, ...], Rejection | None]:
        """Draw and store ``variants``; return what was stored, and why another could not be drawn."""
        puts: list[Future[StoredDerivative]] = []
        rejection: Rejection | None = None
        with ThreadPoolExecutor(_WRITERS) as writers:
            try:
                drawn = render(self.data, variants, self.settings, seconds=seconds, focus=focus.point)
                puts.extend(writers.submit(self._store, each, focus.version) for each in drawn)
            except RejectedError as error:
                logger.info("Rejected", extra={"code": error.code, "reason": error.message})
                rejection = Rejection.of(error)
        return tuple(put.result() for put in puts), rejection

    def _store(self, drawn: Derivative, focus_version: int) -> StoredDerivative:
        self.derivatives.put(self.image_id, drawn.variant, drawn.data, focus_version)
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
