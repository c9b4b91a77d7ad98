"""One picture gone from every place that holds it: originals, derivatives in every region, caches, table."""

from collections.abc import Sequence
from dataclasses import dataclass

from lambdas.aws.images import ImagesTable
from lambdas.keys import ImageId
from lambdas.takedown.invalidation import Invalidation
from lambdas.takedown.versions import VersionedObjects


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed, and what the edge was told."""

    originals: int
    derivatives: int
    invalidation: str | None


@dataclass(frozen=True, slots=True)
class PicturePlaces:
    """Every place that holds pictures."""

    originals: VersionedObjects
    derivatives: Sequence[VersionedObjects]
    """The bucket that the edge serves from, and its replicas: replication copies no deletion of a version."""
    edge: Invalidation
    images: ImagesTable

    def remove(self, image_id: ImageId, original_key: str) -> Removed:
        """Remove a picture; may be repeated, and after a failure has to be.

        The original goes first, so that the generator can draw nothing more from it, and the table's item
        last: as long as it is there, the takedown can be asked for again. What the generator was drawing
        meanwhile is looked for once more at the end.

        Raises:
            NotErasedError, ClientError: something is left; asked again, it goes on where it stopped.
        """
        originals = self.originals.erase_object(original_key)
        derivatives = self._erase_derivatives(image_id)
        invalidation = self.edge.forget(image_id)
        late = self._erase_derivatives(image_id)
        if late:
            invalidation = self.edge.forget(image_id)
        self.images.remove(image_id)
        return Removed(originals, derivatives + late, invalidation)

    def _erase_derivatives(self, image_id: ImageId) -> int:
        return sum(place.erase_folder(f"{image_id}/") for place in self.derivatives)
