"""Validate: claim an upload for this execution, and accept or reject it, without libvips."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from botocore.exceptions import ClientError
from pydantic import Field

from lambdas.core import life
from lambdas.core.aws_errors import OriginalGoneError, is_forbidden
from lambdas.core.clients import dynamodb, s3
from lambdas.core.environment import Environment, ImagesTableName
from lambdas.core.keys import MalformedKeyError, OriginalKey, id_prefixes
from lambdas.core.messages import Image, Rejection, Validated
from lambdas.core.observability import LambdaContext, count, identify, logger, observed, seconds
from lambdas.core.records import original_of
from lambdas.core.s3_event import Arrival, parse_record
from lambdas.core.settings import load_settings
from lambdas.core.stores.images import ImagesTable
from lambdas.core.stores.originals import OriginalHead, delete_version, find_original, read_head
from lambdas.imaging.formats import SNIFF_BYTES, as_original, require_original, sniff
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.rejection.limits import check_bytes

_SOON_ENOUGH = timedelta(hours=12)  # below any number of days that the lifecycle may be set to


class Variables(Environment):
    """Environment variables of validate."""

    images_table: ImagesTableName
    tenant: Annotated[str | None, Field(alias="TENANT")] = None
    """The tenant of a dedicated lane."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Claim and validate the upload of one SQS record, for the execution named ``claim_id``."""
    started = time.perf_counter()
    verdict = _validate(parse_record(event["record"]), event["claim_id"])
    took = time.perf_counter() - started
    count(f"upload_{verdict.outcome}")
    seconds("validate_seconds", took)
    return verdict.model_copy(update={"seconds": round(took, 4)}).to_json()


def _validate(arrival: Arrival, claim_id: str) -> Validated:
    try:
        key = OriginalKey.parse(arrival.key)
    except MalformedKeyError as error:
        logger.warning("Not an original; ignored", extra={"bucket": arrival.bucket, "reason": str(error)})
        return _nothing("settled")
    variables = Variables.read()
    # The API signs neither: someone wrote to the bucket by other means, or the tenant was removed.
    if key.tenant not in load_settings().tenants:
        logger.warning("Original of an unknown tenant; ignored", extra={"key": arrival.key})
        return _nothing("settled")
    if variables.tenant is not None and not key.image_id.startswith(id_prefixes(variables.tenant)):
        # The lane's role reaches no derivatives of such an id; the generator draws it when it is asked for.
        logger.warning("Original whose id is not of its tenant's; ignored", extra={"key": arrival.key})
        return _nothing("settled")
    identify(key.image_id, key.tenant)
    images = ImagesTable(dynamodb(), variables.images_table)
    try:
        found = read_head(s3(), arrival, arrival.size, SNIFF_BYTES)
    except OriginalGoneError as error:
        logger.warning("Original deleted before it was validated", extra={"reason": str(error)})
        return _nothing("settled")
    except ClientError as error:
        # Missing, or refused: S3 answers the same. An arrival that can change nothing any more may be missing.
        row = images.find(key.image_id, now=True) if is_forbidden(error) else None
        if row is None or not life.is_past(row, arrival.version_id):
            raise
        logger.info("Original deleted before it was validated", extra={"state": row["state"]})
        return _nothing("settled")
    image = _image(arrival, key, found, claim_id)
    now = datetime.now(UTC)
    claim = life.Claim.starting(claim_id, now, load_settings().pipeline.execution_seconds)
    arrived = {
        "tenant": image.tenant,
        "key": image.key,
        "bytes": image.bytes,
        "uploaded_at": life.format_instant(image.uploaded_at),
    }
    applied = images.apply(image.image_id, life.claim(original_of(image), arrived, claim, now))
    if not applied.done:
        return _not_claimed(image, applied.row, now, images)
    return _verdict(image, found, (applied.row or {}).get("deaths", 0))


def _image(arrival: Arrival, key: OriginalKey, found: OriginalHead, claim_id: str) -> Image:
    return Image(
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
        claim_id=claim_id,
    )


def _verdict(image: Image, found: OriginalHead, deaths: int) -> Validated:
    settings = load_settings()
    try:
        check_bytes(found.bytes, settings.limits)
        require_original(sniff(found.head))
        if deaths >= settings.pipeline.max_deaths:
            raise RejectedError(
                "too_costly", f"expected a picture that can be drawn but {deaths} executions ended while drawing it"
            )
    except RejectedError as error:
        logger.info("Rejected", extra={"code": error.code, "reason": error.message})
        return Validated(outcome="rejected", image=image, rejection=Rejection.of(error), seconds=0)
    return Validated(outcome="accepted", image=image, seconds=0)


def _not_claimed(image: Image, row: dict[str, Any] | None, now: datetime, images: ImagesTable) -> Validated:
    """Settle an arrival that changes nothing; delete its bytes if they are not the recorded ones."""
    if row is None:
        raise RuntimeError(f"expected a row that refused the claim of {image.image_id} but received none")
    original = original_of(image)
    match arrived := life.classify_arrival(row, original, image.claim_id, now):
        case "busy":
            logger.info("Another execution is processing it")
            return _nothing("busy")
        case "removed" | "other":
            _delete(image)
        case "extra":
            _settle_extra(image, row["original"], now, images)
        case "again":
            pass
    logger.info("Nothing left to do for this arrival", extra={"arrived": arrived, "state": row["state"]})
    count(f"arrival_{arrived}")
    return _nothing("settled")


def _settle_extra(image: Image, recorded: dict[str, Any], now: datetime, images: ImagesTable) -> None:
    """Delete another version of the same bytes, so that the recorded one is current again, or have the row name it.

    The latter if the recorded version is gone, or may go at any moment: it has not been current since the other
    arrived, and the lifecycle counts days from then.
    """
    current = find_original(s3(), image.bucket, image.key, was_read=True)
    is_current = current is not None and current.version_id == image.version_id
    expiring = is_current and now - image.uploaded_at > _SOON_ENOUGH
    held = find_original(s3(), recorded["bucket"], recorded["key"], recorded["version_id"], was_read=True)
    if image.version_id is not None and (held is None or expiring):
        images.apply(image.image_id, life.repin(recorded, image.version_id))
    else:
        _delete(image)


def _delete(image: Image) -> None:
    delete_version(s3(), image, bypass_lock=load_settings().storage.object_lock)


def _nothing(outcome: life.Unclaimed) -> Validated:
    return Validated(outcome=outcome, image=None, seconds=0)
