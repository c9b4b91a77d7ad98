"""One picture made whole: those of the asked variants that it lacks, or has from older encoder settings."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lambdas.core.aws_errors import OriginalGoneError
from lambdas.core.batch_invocation import Done, Result, Task
from lambdas.core.drawing import draw_and_store
from lambdas.core.keys import (
    ImageId,
    MalformedKeyError,
    OriginalKey,
    Variant,
)
from lambdas.core.messages import Derived, StoredDerivative
from lambdas.core.observability import identify, logger
from lambdas.core.recorded import RecordedImage, RecordedPicture, StoredOriginal
from lambdas.core.settings import Settings
from lambdas.core.stores.derivatives import DerivativeStore, HeldDerivative
from lambdas.core.stores.images import ImagesTable
from lambdas.imaging.geometry import drawn_size


@dataclass(frozen=True, slots=True)
class Stores:
    """Where pictures are read and written."""

    images: ImagesTable
    derivatives: DerivativeStore
    read_original: Callable[[StoredOriginal], bytes]
    discard: Callable[[ImageId, Sequence[Variant]], None]


@dataclass(slots=True)
class _Standing:
    """What stands in the bucket of the variants that were asked for."""

    kept: list[StoredDerivative] = field(default_factory=list)
    missing: list[Variant] = field(default_factory=list)


def mend(
    task: Task,
    variants: Sequence[Variant],
    stores: Stores,
    settings: Settings,
    *,
    seconds: float,
    before: datetime | None = None,
) -> Result:
    """Draw what is missing of ``variants``, within ``seconds``, and record it; nothing that is there is drawn again.

    What was stored earlier than ``before`` counts as missing too.

    Raises:
        ClientError, BotoCoreError: a store refused or did not answer.
    """
    started = time.perf_counter()
    try:
        key = OriginalKey.parse(task.key)
    except MalformedKeyError as error:
        return _never(f"not_an_original: {error}")
    identify(key.image_id, key.tenant)
    item = stores.images.find(key.image_id, now=True)
    if item is None:
        return _never(f"unknown_image: expected an outcome in the images table but it has none of {key.image_id}")
    image = RecordedImage.model_validate(item)
    if image.rejection is not None:
        return _never(f"{image.rejection.code}: {image.rejection.message}")
    if image.metadata is None or (image.original.bucket, image.original.key) != (task.bucket, task.key):
        return _never(
            f"unknown_image: expected the original at {image.original.bucket}/{image.original.key}"
            f" but received {task.bucket}/{task.key}"
        )
    standing = _standing(image, image.metadata, variants, stores, settings, before)
    derived = Derived(outcome="made", seconds=0)
    if standing.missing:
        try:
            data = stores.read_original(image.original)
        except OriginalGoneError as error:
            return _never(f"original_gone: {error}")
        left = seconds - (time.perf_counter() - started)
        derived = draw_and_store(image.image_id, data, standing.missing, stores.derivatives, settings, seconds=left)
    if not _record(image, (*standing.kept, *derived.derivatives), stores):
        stores.discard(image.image_id, [each.variant for each in derived.derivatives])
        return _never("taken_down: expected the image in the table but it was taken down meanwhile")
    made = derived.derivatives
    if derived.rejection is not None:
        reason = f"{derived.rejection.code}: {derived.rejection.message}"
        if derived.rejection.code == "decode_timeout" and made:
            return Result(code="TemporaryFailure", text=f"{reason}; {len(made)} of {len(standing.missing)} are made")
        return _never(reason)
    logger.info("Backfilled", extra={"made": [str(each.variant) for each in made], "kept": len(standing.kept)})
    done = Done(
        made=len(made),
        kept=len(standing.kept),
        bytes=sum(each.bytes for each in made),
        seconds=round(time.perf_counter() - started, 4),
    )
    return Result(code="Succeeded", text=done.model_dump_json())


def _standing(
    image: RecordedImage,
    picture: RecordedPicture,
    variants: Sequence[Variant],
    stores: Stores,
    settings: Settings,
    before: datetime | None,
) -> _Standing:
    """Ask the bucket, not the record: what a killed try stored but did not record is not drawn twice."""
    current, standing = settings.formats.calibration, _Standing()
    for variant in variants:
        held = stores.derivatives.find(image.image_id, variant)
        if held is None or held.calibration != current or (before is not None and held.stored_at < before):
            standing.missing.append(variant)
        else:
            standing.kept.append(_stored(variant, held, picture))
    return standing


def _stored(variant: Variant, held: HeldDerivative, picture: RecordedPicture) -> StoredDerivative:
    size = drawn_size(picture.size, variant)
    return StoredDerivative(
        variant=variant, bytes=held.bytes, width=size.width, height=size.height, calibration=held.calibration
    )


def _record(image: RecordedImage, stored: Sequence[StoredDerivative], stores: Stores) -> bool:
    """Write what the record does not say yet; return whether the image is still there and ready."""
    entries = {
        str(each.variant): each.model_dump(mode="json", exclude={"variant"})
        for each in stored
        if (known := image.derivatives.get(str(each.variant))) is None
        or known.model_dump() != each.model_dump(exclude={"variant"})
    }
    return not entries or stores.images.add_derivatives(image.image_id, entries)


def _never(reason: str) -> Result:
    logger.info("Not backfilled", extra={"reason": reason})
    return Result(code="PermanentFailure", text=reason)
