"""Record: write an upload's outcome to the images table."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lambdas.core import life
from lambdas.core.clients import dynamodb, s3
from lambdas.core.environment import DerivativesBucketName, Environment, ImagesTableName
from lambdas.core.keys import Format, ImageId
from lambdas.core.messages import Recorded, RecordedState, RecordRequest, StoredDerivative
from lambdas.core.observability import LambdaContext, count, identify, logger, observed, seconds, size
from lambdas.core.records import rejection_of, results
from lambdas.core.settings import load_settings
from lambdas.core.stores.derivatives import INSPECTED_FOLDER, DerivativeStore
from lambdas.core.stores.images import ImagesTable


class Variables(Environment):
    """Environment variables of record."""

    derivatives_bucket: DerivativesBucketName
    images_table: ImagesTableName


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Record one image's outcome, if this execution still has the claim on it."""
    started = time.perf_counter()
    request = RecordRequest.model_validate(event)
    identify(request.image.image_id, request.image.tenant)
    state = _record(request, datetime.now(UTC))
    if state in ("rejected", "removed"):
        _discard(request.image.image_id)
    if load_settings().inspection.function is not None:
        _store(INSPECTED_FOLDER).remove_all(request.image.image_id)
    seconds("record_seconds", time.perf_counter() - started)
    return Recorded(outcome=state).to_json()


def _record(request: RecordRequest, now: datetime) -> RecordedState:
    """Write the outcome; return the state that the image has then, whoever wrote it."""
    image = request.image
    held = request.inspection.verdict == "hold"
    outcome: life.Outcome = "rejected" if rejection_of(request) else "held" if held else "ready"
    found = results(request, now)
    images = ImagesTable(dynamodb(), Variables.read().images_table)
    applied = images.apply(image.image_id, life.record(outcome, found, image.claim_id))
    if applied.done:
        logger.info("Recorded", extra={"outcome": outcome, "rejection": found.get("rejection")})
        _measure(request, outcome, found, (now - image.uploaded_at).total_seconds())
        return outcome
    row = applied.row
    state: life.State = row["state"] if row else "removed"
    logger.info("Not recorded: this execution has no claim on it", extra={"state": state})
    count("image_recorded_before")
    if state == "expected" or state == "processing":
        # Of the same bytes: another execution has taken over, or an operator wants them processed again.
        return "superseded"
    return state


def _measure(request: RecordRequest, outcome: life.Outcome, found: dict[str, Any], waited: float) -> None:
    """Publish metrics of an image, only for the outcome that was written, so that each image counts once."""
    count(f"image_{outcome}")
    seconds("upload_to_outcome_seconds", waited)
    if "rejection" in found:
        count(f"rejected_{found['rejection']['code']}")
    else:
        made = [derivative for derived in request.derivations for derivative in derived.derivatives]
        count("derivatives_made", len(made))
        size("bytes_saved", bytes_saved(request.image.bytes, made, load_settings().rendering.eager_formats))


def bytes_saved(original: int, made: Sequence[StoredDerivative], formats: Sequence[Format]) -> int:
    """Return the bytes saved per view: the original's size minus that of the widest derivative.

    The derivative is in the first of ``formats``, which most viewers receive. Negative if the original was smaller;
    0 if nothing was made ahead.
    """
    preferred = [each for each in made if each.variant.format in formats[:1]]
    if not preferred:
        return 0
    widest = max(preferred, key=lambda each: (each.variant.width, each.variant.height == 0))
    return original - widest.bytes


def _store(folder: str = "") -> DerivativeStore:
    return DerivativeStore(s3(), Variables.read().derivatives_bucket, load_settings(), folder)


def _discard(image_id: ImageId) -> None:
    """Delete the derivatives of an image that was rejected or removed, also those that viewers had drawn early.

    Only after the outcome is written: whoever stores one later reads the outcome then. If this fails, the retry finds
    the outcome and discards again.
    """
    deleted = _store().remove_all(image_id)
    if deleted:
        logger.info("Derivatives of an image that is not to be shown were deleted", extra={"deleted": deleted})
