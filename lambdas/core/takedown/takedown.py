"""Pictures gone from every place that holds them: originals, derivatives in every region, caches, table."""

from collections.abc import Sequence
from dataclasses import dataclass

from lambdas.core.keys import ImageId
from lambdas.core.stores.images import ImagesTable
from lambdas.core.takedown.invalidation import Invalidation
from lambdas.core.takedown.versions import VersionedObjects


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is to go; ``original_key`` is None where nobody knows it."""

    image_id: ImageId
    original_key: str | None


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed of a picture, and what the edge was told.

    ``by_place`` are the derivatives of each bucket that holds them, versions and marks of deletions included.
    """

    image_id: ImageId
    originals: int
    by_place: tuple[int, ...]
    invalidation: str | None

    @property
    def derivatives(self) -> int:
        """The derivatives of every place together."""
        return sum(self.by_place)


@dataclass(frozen=True, slots=True)
class PicturePlaces:
    """Every place that holds pictures."""

    originals: VersionedObjects
    derivatives: Sequence[VersionedObjects]
    """The bucket that the edge serves from, and its replicas: replication copies no deletion of a version."""
    edge: Invalidation
    images: ImagesTable

    def remove(self, pictures: Sequence[Picture]) -> list[Removed]:
        """Remove pictures; may be repeated, and after a failure has to be.

        The originals go first, so that the generator can draw nothing more from them, and the table's items
        last: as long as they are there, the takedown can be asked for again. What the generator was drawing
        meanwhile is looked for once more at the end.

        Raises:
            NotErasedError, ClientError: something is left; asked again, it goes on where it stopped.
        """
        originals = [self.originals.erase_object(each.original_key) if each.original_key else 0 for each in pictures]
        derivatives = [self._erase_derivatives(each.image_id) for each in pictures]
        invalidation = self.edge.forget([each.image_id for each in pictures])
        late = [self._erase_derivatives(each.image_id) for each in pictures]
        if again := [each.image_id for each, found in zip(pictures, late, strict=True) if any(found)]:
            invalidation = self.edge.forget(again)
        for each in pictures:
            self.images.remove(each.image_id)
        return [
            Removed(picture.image_id, whole, tuple(map(sum, zip(first, second, strict=True))), invalidation)
            for picture, whole, first, second in zip(pictures, originals, derivatives, late, strict=True)
        ]

    def _erase_derivatives(self, image_id: ImageId) -> tuple[int, ...]:
        return tuple(place.erase_folder(f"{image_id}/") for place in self.derivatives)
