"""The pictures that the images table knows, as a selection asks for them."""

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import ValidationError

from lambdas.core.records import ImageRecord
from lambdas.core.stores.images import ImagesTable
from operations.backfill.selection import Selection

_log = logging.getLogger(__name__)


def recorded_images(table: ImagesTable, selection: Selection, reads_at_once: int) -> Iterator[ImageRecord]:
    """Yield the named images, or all that the tenants uploaded in the days of ``selection``.

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
        try:
            yield ImageRecord.model_validate(item)
        except ValidationError as error:
            _log.warning("Left out %s, whose record is none of the pipeline's: %s", item.get("image_id"), error)
