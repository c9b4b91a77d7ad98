"""``/uploads``: sign, resume, complete, cancel."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from lambdas.core.clients import s3
from lambdas.core.keys import OriginalKey, new_image_id
from lambdas.core.observability import count, identify, logger
from lambdas.core.settings import load_settings
from lambdas.core.stores.uploads import UploadRecord
from lambdas.upload_api import resources as stores
from lambdas.upload_api.caller import Caller
from lambdas.upload_api.problem import ProblemError
from lambdas.upload_api.uploads.admission import admit
from lambdas.upload_api.uploads.multipart import MultipartObject, UploadGoneError
from lambdas.upload_api.uploads.ownership import find_upload
from lambdas.upload_api.uploads.parts import Parts, check_completion, cut
from lambdas.upload_api.uploads.post_policy import sign_form
from lambdas.upload_api.uploads.requests import (
    CompletedUpload,
    CompletionRequest,
    MultipartUpload,
    SignatureRequest,
    SignedParts,
    SingleUpload,
    UploadRequest,
    UploadState,
)
from lambdas.upload_api.uploads.whole import Whole, find_whole

router = Router()  # type: ignore[no-untyped-call]  # Powertools leaves it untyped
ImageIdText = Annotated[str, Path(description="The image id that POST /uploads answered.")]
_TAGS = ["uploads"]


def _caller() -> Caller:
    caller: Caller = router.context["caller"]
    caller.require("images:write")
    return caller


@router.post("/uploads", tags=_TAGS, status_code=201, summary="Ask for an upload")
def create_upload(request: UploadRequest) -> SingleUpload | MultipartUpload:
    """Sign one upload: a form for a small file, the beginning of a multipart upload for a large one."""
    caller, settings = _caller(), load_settings()
    admit(request, settings)
    image_id = new_image_id(private=request.private, tenant=caller.tenant)
    identify(image_id, caller.tenant)
    now = datetime.now(UTC)
    key = OriginalKey(caller.tenant, now.date(), image_id)
    parts = cut(request.bytes, settings.uploads)
    bucket = stores.variables().originals_bucket
    begun = MultipartObject.begin(s3(), bucket, str(key), request.content_type) if parts else None
    life = timedelta(days=settings.storage.abandoned_upload_days)
    stores.uploads().add(
        UploadRecord(
            image_id=image_id,
            tenant=caller.tenant,
            key=str(key),
            bytes=request.bytes,
            requested_at=now.isoformat(timespec="milliseconds"),
            expires_at=int((now + life).timestamp()),
            multipart_id=begun.multipart_id if begun else None,
            part_bytes=parts.part_bytes if parts else None,
        )
    )
    logger.info("Upload signed", extra={"bytes": request.bytes, "content_type": request.content_type})
    count("upload_signed")
    if parts:
        page = settings.uploads.parts_per_page
        return MultipartUpload(
            image_id=image_id, part_bytes=parts.part_bytes, part_count=parts.count, parts_per_page=page
        )
    seconds = settings.uploads.link_seconds
    form = sign_form(s3(), bucket, key, request, seconds)
    return SingleUpload(image_id=image_id, url=form["url"], fields=form["fields"], expires_in=seconds)


@router.post("/uploads/<image_id>/parts", tags=_TAGS, summary="Have parts signed")
def sign_parts(image_id: ImageIdText, request: SignatureRequest) -> SignedParts:
    """Sign parts that are about to be sent, each for the bytes of its SHA-256 alone."""
    record = find_upload(image_id, _caller().tenant)
    settings = load_settings().uploads
    if len(request.parts) > settings.parts_per_page:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"expected at most {settings.parts_per_page} parts at a time but received {len(request.parts)}",
        )
    parts, target = _multipart(record)
    signed = [target.sign(part, parts.size(part.number), settings.link_seconds) for part in request.parts]
    return SignedParts(parts=signed, expires_in=settings.link_seconds)


@router.get("/uploads/<image_id>", tags=_TAGS, summary="See what has arrived")
def show_upload(image_id: ImageIdText, after: Annotated[int, Query(ge=0)] = 0) -> UploadState:
    """Say how far an upload is, and which parts have arrived, so that a client can go on with the others."""
    record = find_upload(image_id, _caller().tenant)
    if find_whole(record) is not None:
        return _state(record, "arrived")
    if record.multipart_id is None:
        return _state(record, "open")
    _, target = _multipart(record)
    try:
        arrived, following = target.arrived(after, load_settings().uploads.parts_per_page)
    except UploadGoneError as error:
        raise _expired(record) from error
    return _state(record, "open").model_copy(update={"parts": arrived, "next": following})


@router.post("/uploads/<image_id>/complete", tags=_TAGS, summary="Put the parts together")
def complete_upload(image_id: ImageIdText, request: CompletionRequest) -> CompletedUpload:
    """Make the original of the parts that have arrived; asked again, it answers the same."""
    record = find_upload(image_id, _caller().tenant)
    parts, target = _multipart(record)
    try:
        arrived = {part.number: part for part in target.all_arrived()}
        check_completion(request.parts, arrived, parts)
        etag = target.complete([arrived[part.number] for part in request.parts], parts.bytes)
    except UploadGoneError as error:
        whole = find_whole(record)
        if whole is None:
            raise _expired(record) from error
        return _completed(record, whole)
    logger.info("Upload completed", extra={"parts": parts.count, "bytes": parts.bytes})
    count("upload_completed")
    return _completed(record, Whole(parts.bytes, etag))


@router.delete("/uploads/<image_id>", tags=_TAGS, status_code=204, summary="Cancel an upload")
def cancel_upload(image_id: ImageIdText) -> "Response[None]":
    """Forget an upload that has not arrived, and its parts. A form that was signed stays good for its time."""
    record = find_upload(image_id, _caller().tenant)
    if find_whole(record) is not None:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            f"expected an upload that is open but {image_id} has arrived: DELETE /images/{image_id} takes it down",
        )
    if record.multipart_id is not None:
        _multipart(record)[1].abort()
    stores.uploads().remove(record.image_id)
    count("upload_cancelled")
    return Response(HTTPStatus.NO_CONTENT.value)


def _multipart(record: UploadRecord) -> tuple[Parts, MultipartObject]:
    if record.multipart_id is None or record.part_bytes is None:
        raise ProblemError(
            HTTPStatus.CONFLICT, f"expected an upload in parts but {record.image_id} goes up in one piece"
        )
    bucket = stores.variables().originals_bucket
    return Parts(record.bytes, record.part_bytes), MultipartObject(s3(), bucket, record.key, record.multipart_id)


def _state(record: UploadRecord, state: str) -> UploadState:
    return UploadState.model_validate(
        {
            "image_id": record.image_id,
            "kind": "multipart" if record.multipart_id else "single",
            "state": state,
            "bytes": record.bytes,
            "part_bytes": record.part_bytes,
            "part_count": Parts(record.bytes, record.part_bytes).count if record.part_bytes else None,
            "parts_per_page": load_settings().uploads.parts_per_page if record.part_bytes else None,
        }
    )


def _completed(record: UploadRecord, whole: Whole) -> CompletedUpload:
    return CompletedUpload(image_id=record.image_id, bytes=whole.bytes, etag=whole.etag)


def _expired(record: UploadRecord) -> ProblemError:
    return ProblemError(
        HTTPStatus.GONE, f"expected an upload that is open but {record.image_id} has expired; ask for a new one"
    )
