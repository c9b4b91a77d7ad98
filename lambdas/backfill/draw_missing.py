"""Draw the requested variants that one image lacks, or has from older encoder settings, and record them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lambdas.core.aws_errors import OriginalGoneError
from lambdas.core.batch_invocation import Done, Result, Task
from lambdas.core.drawing import Drawing
from lambdas.core.keys import MalformedKeyError, OriginalKey, Variant
from lambdas.core.messages import Derived, StoredDerivative
from lambdas.core.observability import identify, logger
from lambdas.core.records import CropFocus, ImageRecord, OriginalRecord, PictureRecord
from lambdas.core.settings import Settings
from lambdas.core.stores.derivatives import DerivativeStore, HeldDerivative
from lambdas.core.stores.images import ImagesTable
from lambdas.imaging.deadline import OutOfTimeError
from lambdas.imaging.geometry import drawn_size


@dataclass(frozen=True, slots=True)
class Stores:
    """Where images are read and written."""

    images: ImagesTable
    derivatives: DerivativeStore
    read_original: Callable[[OriginalRecord], bytes]


def draw_missing(
    task: Task,
    variants: Sequence[Variant],
    stores: Stores,
    settings: Settings,
    *,
    seconds: float,
    before: datetime | None = None,
) -> Result:
    """Draw what is missing of ``variants``, within ``seconds``, and record it.

    Derivatives stored earlier than ``before`` count as missing too.

    Raises:
        ClientError, BotoCoreError: a store refused or did not answer.
    """
    started = time.perf_counter()
    try:
        key = OriginalKey.parse(task.key)
    except MalformedKeyError as error:
        return _failed(f"not_an_original: {error}")
    identify(key.image_id, key.tenant)
    item = stores.images.find(key.image_id, now=True)
    if item is None or item["state"] in ("expected", "processing"):
        return _failed(f"unknown_image: No outcome of {key.image_id} in the images table")
    if item["state"] == "removed":
        return _failed("removed: The image was taken down")
    image = ImageRecord.model_validate(item)
    if image.rejection is not None:
        return _failed(f"{image.rejection.code}: {image.rejection.message}")
    if image.state != "ready":
        return _failed(f"{image.state}: expected a ready image but received one in the state {image.state}")
    if image.metadata is None or (image.original.bucket, image.original.key) != (task.bucket, task.key):
        return _failed(
            f"unknown_image: expected the original at {image.original.bucket}/{image.original.key}"
            f" but received {task.bucket}/{task.key}"
        )
    focus_version = CropFocus.of(item).version
    kept, missing = _compare(image, image.metadata, variants, stores, settings, before, focus_version)
    derived = Derived(outcome="made", seconds=0)
    if missing:
        try:
            data = stores.read_original(image.original)
        except OriginalGoneError as error:
            return _failed(f"original_gone: {error}")
        left = seconds - (time.perf_counter() - started)
        drawing = Drawing(image.image_id, image.original.etag, data, stores.images, stores.derivatives, settings)
        try:
            derived = drawing.draw_and_store(missing, seconds=left)
        except OutOfTimeError as error:
            return Result(code="TemporaryFailure", text=f"out_of_time: {error}")
    made = derived.derivatives
    if derived.outcome == "unwanted":
        return _failed("removed: The image was taken down while it was drawn")
    if not _record(image, (*kept, *made), stores, focus_version):
        now = stores.images.find(key.image_id, now=True)
        if now and now["state"] == "ready":
            return Result(
                code="TemporaryFailure", text="refocused: The focus of crops was changed while they were drawn"
            )
        return _failed("removed: The image was taken down while it was drawn")
    if derived.rejection is not None:
        return _failed(f"{derived.rejection.code}: {derived.rejection.message}")
    logger.info("Backfilled", extra={"made": [str(each.variant) for each in made], "kept": len(kept)})
    done = Done(
        made=len(made),
        kept=len(kept),
        bytes=sum(each.bytes for each in made),
        seconds=round(time.perf_counter() - started, 4),
    )
    return Result(code="Succeeded", text=done.model_dump_json())


def _compare(
    image: ImageRecord,
    picture: PictureRecord,
    variants: Sequence[Variant],
    stores: Stores,
    settings: Settings,
    before: datetime | None,
    focus_version: int,
) -> tuple[list[StoredDerivative], list[Variant]]:
    """Return which of ``variants`` are up to date in the bucket, and which have to be drawn.

    The bucket is asked, not the record: what an interrupted attempt stored but did not record is not drawn twice.
    """
    current = settings.formats.calibration
    kept: list[StoredDerivative] = []
    missing: list[Variant] = []
    for variant in variants:
        held = stores.derivatives.find(image.image_id, variant)
        outdated = held is None or held.calibration != current or (before is not None and held.stored_at < before)
        if held is None or outdated or (variant.height and held.focus_version != focus_version):
            missing.append(variant)
        else:
            kept.append(_stored(variant, held, picture))
    return kept, missing


def _stored(variant: Variant, held: HeldDerivative, picture: PictureRecord) -> StoredDerivative:
    size = drawn_size(picture.size, variant)
    return StoredDerivative(
        variant=variant, bytes=held.bytes, width=size.width, height=size.height, calibration=held.calibration
    )


def _record(image: ImageRecord, stored: Sequence[StoredDerivative], stores: Stores, focus_version: int) -> bool:
    """Add what the record lacks; return whether the image still exists, is ready, and has its crops' focus."""
    entries = {
        str(each.variant): each.model_dump(mode="json", exclude={"variant"})
        for each in stored
        if (known := image.derivatives.get(str(each.variant))) is None
        or known.model_dump() != each.model_dump(exclude={"variant"})
    }
    return not entries or stores.images.add_derivatives(image.image_id, entries, focus_version)


def _failed(reason: str) -> Result:
    logger.info("Not backfilled", extra={"reason": reason})
    return Result(code="PermanentFailure", text=reason)
