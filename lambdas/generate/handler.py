"""Generate: draw one variant on its first request, and store it unless it exists by then."""

import time
from dataclasses import asdict
from typing import Any, Literal

from lambdas.core import life
from lambdas.core.aws_errors import OriginalGoneError
from lambdas.core.clients import dynamodb, s3
from lambdas.core.environment import (
    DerivativesBucketName,
    Environment,
    ImagesTableName,
    OriginalsBucketName,
    seconds_left,
)
from lambdas.core.keys import ImageId, MalformedKeyError, Variant, parse_image_id
from lambdas.core.messages import Generated, GenerateRequest
from lambdas.core.observability import LambdaContext, count, identify, logger, observed, seconds
from lambdas.core.records import CropFocus, OriginalRecord
from lambdas.core.settings import Settings, load_settings
from lambdas.core.stores.derivatives import DerivativeStore
from lambdas.core.stores.images import ImagesTable
from lambdas.core.stores.originals import find_original, read_original
from lambdas.imaging.formats import SNIFF_BYTES, require_original, sniff
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.rejection.limits import check_bytes
from lambdas.imaging.render import render

_NEVER_SHOWN = ("rejected", "held", "removed")


class Variables(Environment):
    """Environment variables of the generator."""

    originals_bucket: OriginalsBucketName
    derivatives_bucket: DerivativesBucketName
    images_table: ImagesTableName


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Make one variant of one image."""
    started = time.perf_counter()
    generated = _generate(GenerateRequest.model_validate(event), context)
    count(f"generate_{generated.status}")
    seconds("generate_seconds", time.perf_counter() - started)
    return generated.to_json()


def _generate(request: GenerateRequest, context: LambdaContext) -> Generated:
    settings, variables = load_settings(), Variables.read()
    variant = ladder_variant(request.variant, settings)
    if variant is None:
        return Generated(status="not_on_ladder")
    images = ImagesTable(dynamodb(), variables.images_table)
    image_id = known_image_id(request.image_id)
    row = images.find(image_id, now=True) if image_id else None
    if image_id is None or row is None:
        return Generated(status="unknown_image")
    identify(image_id, row["tenant"])
    if row["state"] in _NEVER_SHOWN:
        return Generated(status=row["state"])
    if row["state"] != "ready" and settings.inspection.function is not None:
        return Generated(status="not_yet")  # it is published only after its inspection
    store = DerivativeStore(s3(), variables.derivatives_bucket, settings)
    try:
        original = _original(image_id, row, images)
        if original is None:
            return Generated(status="not_yet")
        data = read_original(s3(), original)
        if row["state"] != "ready":
            check_bytes(len(data), settings.limits)
            require_original(sniff(data[:SNIFF_BYTES]))
        focus = CropFocus.of(row)
        (drawn,) = render(data, [variant], settings, seconds=seconds_left(context), focus=focus.point)
        made = store.put_if_absent(image_id, variant, drawn.data, focus.version)
        row = images.find(image_id, now=True)
        # Drawn for an older focus, it must not stay: whoever changed it may have looked before it was put.
        while row and made and variant.height and life.is_wanted(row, original.etag) and CropFocus.of(row) != focus:
            focus = CropFocus.of(row)
            (drawn,) = render(data, [variant], settings, seconds=seconds_left(context), focus=focus.point)
            store.put(image_id, variant, drawn.data, focus.version)
            row = images.find(image_id, now=True)
    except OriginalGoneError as error:
        logger.warning("Original deleted", extra={"reason": str(error)})
        return Generated(status="unknown_image")
    except RejectedError as error:
        logger.warning("Rejected", extra={"code": error.code, "reason": error.message, "variant": str(variant)})
        return refusal(error)
    status: Literal["made", "exists"] = "made" if made else "exists"
    if not life.is_wanted(row, original.etag):
        logger.info("Removed or rejected while it was drawn", extra={"variant": str(variant)})
        count("drawn_for_nothing")
        store.remove(image_id, [variant])
        state = row["state"] if row else "unknown_image"
        return Generated(status=state if state in _NEVER_SHOWN else "unknown_image")
    logger.info("Generated", extra={"variant": str(variant), "bytes": len(drawn.data), "status": status})
    return Generated(status=status, bytes=len(drawn.data))


def refusal(error: RejectedError) -> Generated:
    """Return what ``error`` says of the variant, or of the whole picture: another variant may take less time."""
    return Generated(status="too_costly" if error.code == "too_costly" else "rejected")


def _original(image_id: ImageId, row: dict[str, Any], images: ImagesTable) -> OriginalRecord | None:
    """Return the original to draw from, or None if its bytes have not arrived.

    One that has arrived but waits for its pipeline is bound to the row first, so that pipeline and viewers see the
    same bytes, whatever is uploaded under the same key by then.
    """
    if "original" in row:
        return OriginalRecord.model_validate(row["original"])
    arrived = find_original(s3(), Variables.read().originals_bucket, row["key"])
    if arrived is None:
        return None
    pinned = images.apply(image_id, life.pin({**asdict(arrived), "format": None}))
    bound = (pinned.row or {}).get("original")
    return OriginalRecord.model_validate(bound) if bound else None


def known_image_id(text: str) -> ImageId | None:
    """Return ``text`` as an image id, or None if no image can have it."""
    try:
        return parse_image_id(text)
    except MalformedKeyError:
        return None


def ladder_variant(text: str, settings: Settings) -> Variant | None:
    """Return ``text`` as a variant on the ladder, or None."""
    try:
        variant = Variant.parse(text)
    except MalformedKeyError:
        return None
    return variant if settings.ladder.allows(variant) else None
