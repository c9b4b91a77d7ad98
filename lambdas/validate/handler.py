"""Validate: turn a queue record into an accepted, rejected or settled upload, without libvips."""

import time
from datetime import UTC
from typing import Any

from lambdas.core.aws_errors import OriginalGoneError
from lambdas.core.clients import dynamodb, s3
from lambdas.core.environment import Environment, ImagesTableName
from lambdas.core.keys import MalformedKeyError, OriginalKey
from lambdas.core.messages import Image, Rejection, Validated
from lambdas.core.observability import LambdaContext, count, identify, logger, observed, seconds
from lambdas.core.s3_event import Arrival, parse_record
from lambdas.core.settings import load_settings
from lambdas.core.stores.images import ImagesTable
from lambdas.core.stores.originals import OriginalHead, read_head
from lambdas.imaging.formats import SNIFF_BYTES, as_original, require_original, sniff
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.rejection.limits import check_bytes


class Variables(Environment):
    """Environment variables of validate."""

    images_table: ImagesTableName


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Validate the upload of one SQS record."""
    started = time.perf_counter()
    verdict = _validate(parse_record(event))
    took = time.perf_counter() - started
    count(f"upload_{verdict.outcome}")
    seconds("validate_seconds", took)
    return verdict.model_copy(update={"seconds": round(took, 4)}).to_json()


def _validate(arrival: Arrival) -> Validated:
    try:
        key = OriginalKey.parse(arrival.key)
    except MalformedKeyError as error:
        logger.warning("Not an original; ignored", extra={"bucket": arrival.bucket, "reason": str(error)})
        return _settled()
    if key.tenant not in load_settings().tenants:
        # The API signs no upload for it: someone wrote to the bucket by other means, or the tenant was removed.
        logger.warning("Original of an unknown tenant; ignored", extra={"key": arrival.key})
        return _settled()
    identify(key.image_id, key.tenant)
    if ImagesTable(dynamodb(), Variables.read().images_table).has_outcome(key.image_id):
        logger.info("Outcome already recorded")
        return _settled()
    try:
        found = read_head(s3(), arrival, arrival.size, SNIFF_BYTES)
    except OriginalGoneError as error:
        logger.warning("Original deleted before it was validated", extra={"reason": str(error)})
        return _settled()
    return _verdict(arrival, key, found)


def _verdict(arrival: Arrival, key: OriginalKey, found: OriginalHead) -> Validated:
    image = Image(
        image_id=key.image_id,
        tenant=key.tenant,
        bucket=arrival.bucket,
        key=arrival.key,
        version_id=arrival.version_id,
        etag=arrival.etag,
        bytes=found.bytes,
        uploaded_at=found.uploaded_at.astimezone(UTC),
        format=as_original(sniff(found.head)),
        declared_type=found.declared_type,
    )
    try:
        check_bytes(found.bytes, load_settings().limits)
        require_original(sniff(found.head))
    except RejectedError as error:
        logger.info("Rejected", extra={"code": error.code, "reason": error.message})
        return Validated(outcome="rejected", image=image, rejection=Rejection.of(error), seconds=0)
    return Validated(outcome="accepted", image=image, seconds=0)


def _settled() -> Validated:
    return Validated(outcome="settled", image=None, seconds=0)
