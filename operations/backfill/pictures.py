"""The pictures that the images table knows, as a selection asks for them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from lambdas.aws.images import ImagesTable
from lambdas.recorded import RecordedImage
from operations.backfill.selection import Selection


def recorded_images(table: ImagesTable, selection: Selection, reads_at_once: int) -> Iterator[RecordedImage]:
    """Yield the named images, or all that the tenants uploaded in the days of ``selection``.

    Raises:
        ClientError: the table cannot be read; a retry may help.
    """
    if selection.images:
        with ThreadPoolExecutor(reads_at_once) as threads:
            items = threads.map(table.find, selection.images)
            yield from (RecordedImage.model_validate(item) for item in items if item is not None)
        return
    for tenant in selection.tenants:
        yield from map(RecordedImage.model_validate, table.uploaded(tenant, *selection.uploaded))
