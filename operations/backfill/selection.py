"""Which pictures a backfill is about, and what each of them needs; no AWS."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from typing import Literal

from lambdas.core.batch_invocation import LONGEST_ARGUMENT, MalformedTaskError, ladder_variant
from lambdas.core.keys import (
    ImageId,
    MalformedKeyError,
    Variant,
    parse_image_id,
)
from lambdas.core.records import ImageRecord
from lambdas.core.settings import Settings
from operations.backfill.estimate import Work, work_of
from operations.tenants import UnknownTenantError, chosen_tenants

Which = Literal["lacking", "outdated", "either", "all", "anew"]
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)


class WrongSelectionError(ValueError):
    """Nothing can be chosen like that: the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for, checked against the settings."""

    tenants: tuple[str, ...]
    variants: tuple[Variant, ...]
    which: Which
    images: tuple[ImageId, ...] = ()
    prefix: str = ""
    first_day: date = _FIRST_DAY
    last_day: date = _LAST_DAY

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        tenant: str | None = None,
        images: Sequence[str] | None = None,
        prefix: str | None = None,
        first_day: date | None = None,
        last_day: date | None = None,
        variants: Sequence[str] | None = None,
        which: Which = "either",
    ) -> "Selection":
        """Check what was asked for; what is left out is everything.

        Raises:
            WrongSelectionError: it cannot be chosen like that.
        """
        first, last = first_day or _FIRST_DAY, last_day or _LAST_DAY
        if last < first:
            raise WrongSelectionError(f"expected a last day on or after {first} but received {last}")
        try:
            tenants = chosen_tenants(settings, tenant)
            ids = tuple(dict.fromkeys(map(parse_image_id, images or ())))
            asked = tuple(dict.fromkeys(ladder_variant(each, settings) for each in variants or ()))
        except (UnknownTenantError, MalformedKeyError, MalformedTaskError) as error:
            raise WrongSelectionError(str(error)) from error
        chosen = asked or settings.eager_variants
        if (length := len(" ".join(map(str, chosen)))) > LONGEST_ARGUMENT:
            raise WrongSelectionError(
                f"expected variants of at most {LONGEST_ARGUMENT} characters together but received {length}:"
                " make two backfills of them"
            )
        return cls(tenants, chosen, which, ids, prefix or "", first, last)

    @property
    def uploaded(self) -> tuple[str, str]:
        """The first moment of upload, and the one from which on pictures are not meant any more (ISO 8601)."""
        return self.first_day.isoformat(), (self.last_day + timedelta(days=1)).isoformat()

    @property
    def digest(self) -> str:
        """Twelve hex digits that are the same for the same selection."""
        return sha256(repr(self).encode()).hexdigest()[:12]

    def needs(self, image: ImageRecord, calibration: str) -> tuple[Variant, ...]:
        """Return those variants that ``image`` needs, as far as its record knows; none for one that is not meant."""
        if image.outcome != "ready" or image.tenant not in self.tenants:
            return ()
        if not image.original.key.startswith(self.prefix):
            return ()
        if self.images or self.which in ("all", "anew"):  # whatever the record says: the bucket is asked in the end
            return self.variants
        return tuple(variant for variant in self.variants if self._needs(image, variant, calibration))

    def _needs(self, image: ImageRecord, variant: Variant, calibration: str) -> bool:
        lacking, outdated = image.lacks(variant), image.is_outdated(variant, calibration)
        return (lacking and self.which != "outdated") or (outdated and self.which != "lacking")


@dataclass(slots=True)
class Chosen:
    """The pictures that were chosen: the keys of their originals, and the work that they are."""

    keys: list[str] = field(default_factory=list)
    work: Work = field(default_factory=Work)
    unknown: list[str] = field(default_factory=list)
    """Ids that were named and are of no ready picture of the tenants."""

    @classmethod
    def among(cls, images: Iterable[ImageRecord], selection: Selection, settings: Settings) -> "Chosen":
        """Choose among ``images`` what ``selection`` means."""
        chosen, calibration = cls(), settings.formats.calibration
        found = set()
        for image in images:
            needed = selection.needs(image, calibration)
            if not needed or image.metadata is None:
                continue
            found.add(image.image_id)
            chosen.keys.append(image.original.key)
            chosen.work += work_of(image.metadata, needed)
        chosen.unknown = [each for each in selection.images if each not in found]
        return chosen

    def split(self, canary: int) -> tuple[list[str], list[str]]:
        """Return up to ``canary`` keys from all over, always the same of the same, and the others."""
        first = set(heapq.nsmallest(canary, self.keys, key=lambda key: sha256(key.encode()).digest()))
        return [key for key in self.keys if key in first], [key for key in self.keys if key not in first]
