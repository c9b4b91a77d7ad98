"""Which pictures a backfill is about, and which variants each of them needs."""

import heapq
import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, Literal

from pydantic import ValidationError

from lambdas.core.batch_invocation import MAX_ARGUMENT_LENGTH, MalformedTaskError, ladder_variant
from lambdas.core.keys import ImageId, MalformedKeyError, Variant, parse_image_id
from lambdas.core.records import ImageRecord
from lambdas.core.settings import Settings
from lambdas.core.stores.images import ImagesTable
from operations.backfill.estimate import Work, work_of
from operations.discovery import UnknownTenantError, chosen_tenants

Which = Literal["lacking", "outdated", "either", "all", "redraw"]
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)
_log = logging.getLogger(__name__)


class WrongSelectionError(ValueError):
    """The parameters of a selection are invalid; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The validated parameters of a backfill."""

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
        """Validate the parameters; one that is left out restricts nothing.

        Raises:
            WrongSelectionError: a parameter is invalid.
        """
        first, last = first_day or _FIRST_DAY, last_day or _LAST_DAY
        if last < first:
            raise WrongSelectionError(f"expected a last day on or after {first} but received {last}")
        try:
            tenants = chosen_tenants(settings, tenant)
            ids = tuple(dict.fromkeys(map(parse_image_id, images or ())))
            requested = tuple(dict.fromkeys(ladder_variant(each, settings) for each in variants or ()))
        except (UnknownTenantError, MalformedKeyError, MalformedTaskError) as error:
            raise WrongSelectionError(str(error)) from error
        chosen = requested or settings.eager_variants
        if (length := len(" ".join(map(str, chosen)))) > MAX_ARGUMENT_LENGTH:
            raise WrongSelectionError(
                f"expected variants of at most {MAX_ARGUMENT_LENGTH} characters together but received {length}:"
                " split them into two backfills"
            )
        return cls(tenants, chosen, which, ids, prefix or "", first, last)

    @property
    def uploaded(self) -> tuple[str, str]:
        """Start (included) and end (excluded) of the upload times (ISO 8601)."""
        return self.first_day.isoformat(), (self.last_day + timedelta(days=1)).isoformat()

    @property
    def digest(self) -> str:
        """Twelve hex digits, equal for equal selections."""
        return sha256(repr(self).encode()).hexdigest()[:12]

    def needs(self, image: ImageRecord, calibration: str) -> tuple[Variant, ...]:
        """Return the variants that ``image`` needs by its record; empty if it is not selected."""
        if image.state != "ready" or image.tenant not in self.tenants:
            return ()
        if not image.original.key.startswith(self.prefix):
            return ()
        if self.images or self.which in ("all", "redraw"):  # the function checks the bucket
            return self.variants
        return tuple(variant for variant in self.variants if self._needs(image, variant, calibration))

    def _needs(self, image: ImageRecord, variant: Variant, calibration: str) -> bool:
        lacking, outdated = image.lacks(variant), image.is_outdated(variant, calibration)
        return (lacking and self.which != "outdated") or (outdated and self.which != "lacking")


@dataclass(slots=True)
class Chosen:
    """The selected pictures: the keys of their originals, and the work of drawing them."""

    keys: list[str] = field(default_factory=list)
    work: Work = field(default_factory=Work)
    unknown: list[str] = field(default_factory=list)
    """Named ids that are not ready pictures of the tenants."""

    @classmethod
    def among(cls, images: Iterable[ImageRecord], selection: Selection, settings: Settings) -> "Chosen":
        """Return the pictures of ``images`` that need something."""
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
        """Return up to ``canary`` keys, a stable pseudo-random sample, and the others."""
        first = set(heapq.nsmallest(canary, self.keys, key=lambda key: sha256(key.encode()).digest()))
        return [key for key in self.keys if key in first], [key for key in self.keys if key not in first]


def recorded_images(table: ImagesTable, selection: Selection, reads_at_once: int) -> Iterator[ImageRecord]:
    """Yield the ready ones of the named images, or of all that the tenants uploaded in the days of ``selection``.

    Raises:
        ClientError: the table cannot be read; a retry may help.
    """
    if selection.images:
        with ThreadPoolExecutor(reads_at_once) as threads:
            items = threads.map(table.find, selection.images)
            yield from _readable(item for item in items if item is not None)
        return
    for tenant in selection.tenants:
        yield from _readable(table.uploaded(tenant, *selection.uploaded))


def _readable(items: Iterable[dict[str, Any]]) -> Iterator[ImageRecord]:
    for item in items:
        if item.get("state") != "ready":  # others may have no original yet, or no longer
            continue
        try:
            yield ImageRecord.model_validate(item)
        except ValidationError as error:
            _log.warning("Skipped %s: its record is malformed: %s", item.get("image_id"), error)
