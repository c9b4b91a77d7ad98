"""``/uploads``: sign, resume, complete, cancel."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from lambdas.core import life
from lambdas.core.clients import s3
from lambdas.core.keys import OriginalKey, new_image_id
from lambdas.core.observability import count, identify, logger
from lambdas.core.records import UploadRecord
from lambdas.core.settings import Settings, load_settings
from lambdas.core.stores.originals import ArrivedOriginal, find_original
from lambdas.upload_api import resources
from lambdas.upload_api.caller import Caller
from lambdas.upload_api.lookup import ImageIdText, find_upload
from lambdas.upload_api.parts import Parts, check_completion, split
from lambdas.upload_api.problem import ProblemError
from lambdas.upload_api.s3_uploads import MultipartObject, UploadGoneError, sign_form, sign_put
from lambdas.upload_api.takedown import take_down
from lambdas.upload_api.upload_models import (
    CompletedUpload,
    CompletionRequest,
    FormUpload,
    MultipartUpload,
    SignatureRequest,
    SignedParts,
    SingleUpload,
    UploadRequest,
    UploadState,
)

router = Router()  # type: ignore[no-untyped-call]  # Powertools leaves it untyped
_TAGS = ["uploads"]


def _caller() -> Caller:
    caller: Caller = router.context["caller"]
    caller.require("images:write")
    return caller


@router.post("/uploads", tags=_TAGS, status_code=201, summary="Request an upload")
def create_upload(request: UploadRequest) -> SingleUpload | FormUpload | MultipartUpload:
    """Sign one upload: a PUT for a small file, the beginning of a multipart upload for a large one.

    Where uploads.forms is set, a client may ask for a form instead, of any size.
    """
    caller, settings = _caller(), load_settings()
    parts = None if request.form else split(request.bytes, settings.uploads)
    _check_allowed(request, settings, in_parts=parts is not None)
    image_id = new_image_id(private=request.private, tenant=caller.tenant)
    identify(image_id, caller.tenant)
    now = datetime.now(UTC)
    key = OriginalKey(caller.tenant, now.date(), image_id)
    bucket = resources.variables().originals_bucket
    begun = MultipartObject.begin(s3(), bucket, str(key), request.content_type) if parts else None
    upload: dict[str, Any] = {
        "tenant": caller.tenant,
        "key": str(key),
        "bytes": request.bytes,
        "requested_at": life.format_instant(now),
    }
    if request.focus:
        upload["focus"] = request.focus.model_dump()
    if begun and parts:
        upload |= {"multipart_id": begun.multipart_id, "part_bytes": parts.part_bytes}
    resources.images().apply(image_id, life.expect(upload, now))
    logger.info("Upload signed", extra={"bytes": request.bytes, "content_type": request.content_type})
    count("upload_signed")
    if parts:
        page = settings.uploads.parts_per_page
        return MultipartUpload(
            image_id=image_id, part_bytes=parts.part_bytes, part_count=parts.count, parts_per_page=page
        )
    seconds = settings.uploads.link_seconds
    if request.form:
        form = sign_form(s3(), bucket, key, request, seconds)
        return FormUpload(image_id=image_id, bytes=request.bytes, expires_in=seconds, **form)
    signed = sign_put(s3(), bucket, key, request, seconds)
    return SingleUpload(image_id=image_id, bytes=request.bytes, expires_in=seconds, **signed)


@router.post("/uploads/<image_id>/parts", tags=_TAGS, summary="Sign parts")
def sign_parts(image_id: ImageIdText, request: SignatureRequest) -> SignedParts:
    """Sign parts that are about to be sent, each for exactly the bytes of its SHA-256."""
    record = find_upload(image_id, _caller().tenant)
    settings = load_settings().uploads
    if len(request.parts) > settings.parts_per_page:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"expected at most {settings.parts_per_page} parts at a time but received {len(request.parts)}",
        )
    parts, multipart = _multipart(record)
    signed = [multipart.sign(part, parts.size(part.number), settings.link_seconds) for part in request.parts]
    return SignedParts(parts=signed, expires_in=settings.link_seconds)


@router.get("/uploads/<image_id>", tags=_TAGS, summary="Show an upload's progress")
def show_upload(image_id: ImageIdText, after: Annotated[int, Query(ge=0)] = 0) -> UploadState:
    """Return an upload's state and the parts that have arrived, so that a client can resume it."""
    record = find_upload(image_id, _caller().tenant)
    if _find_original(record) is not None:
        return _state(record, "arrived")
    if record.multipart_id is None:
        return _state(record, "open")
    _, multipart = _multipart(record)
    try:
        arrived, following = multipart.arrived(after, load_settings().uploads.parts_per_page)
    except UploadGoneError as error:
        raise _expired(record) from error
    return _state(record, "open").model_copy(update={"parts": arrived, "next": following})


@router.post("/uploads/<image_id>/complete", tags=_TAGS, summary="Complete a multipart upload")
def complete_upload(image_id: ImageIdText, request: CompletionRequest) -> CompletedUpload:
    """Combine the parts that have arrived into the original. Idempotent."""
    record = find_upload(image_id, _caller().tenant)
    parts, multipart = _multipart(record)
    try:
        arrived = {part.number: part for part in multipart.all_arrived()}
        check_completion(request.parts, arrived, parts)
        etag = multipart.complete([arrived[part.number] for part in request.parts], parts.bytes)
    except UploadGoneError as error:
        original = _find_original(record)
        if original is None:
            raise _expired(record) from error
        return _completed(record, original.bytes, original.etag)
    logger.info("Upload completed", extra={"parts": parts.count, "bytes": parts.bytes})
    count("upload_completed")
    return _completed(record, parts.bytes, etag)


@router.delete("/uploads/<image_id>", tags=_TAGS, status_code=204, summary="Cancel an upload")
def cancel_upload(image_id: ImageIdText) -> "Response[None]":
    """Take down what was requested, whether or not it has arrived: a signed request that is used later is refused."""
    record = find_upload(image_id, _caller().tenant)
    if record.state not in ("expected", "processing"):
        raise ProblemError(
            HTTPStatus.CONFLICT, f"Upload {image_id} is {record.state}: DELETE /images/{image_id} takes it down"
        )
    take_down(record.image_id, record.tenant)
    count("upload_cancelled")
    return Response(HTTPStatus.NO_CONTENT.value)


def _check_allowed(request: UploadRequest, settings: Settings, *, in_parts: bool) -> None:
    if request.form and not settings.uploads.forms:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "expected form: false, since uploads.forms is off here, but received true"
        )
    if request.content_type not in settings.uploads.content_types:
        allowed = ", ".join(settings.uploads.content_types)
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"expected a content_type among {allowed} but received {request.content_type[:80]!r}",
        )
    if request.bytes > settings.limits.max_bytes:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"expected at most {settings.limits.max_bytes} bytes but received {request.bytes}",
        )
    # S3 accepts no object under a default retention without a checksum or Content-MD5; parts always have one.
    if settings.storage.object_lock and request.sha256 is None and not in_parts:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "expected sha256, since originals are locked here, but received none"
        )


def _find_original(record: UploadRecord) -> ArrivedOriginal | None:
    return find_original(s3(), resources.variables().originals_bucket, record.key)


def _multipart(record: UploadRecord) -> tuple[Parts, MultipartObject]:
    if record.multipart_id is None or record.part_bytes is None:
        raise ProblemError(HTTPStatus.CONFLICT, f"Upload {record.image_id} has no parts: it is sent in one piece")
    bucket = resources.variables().originals_bucket
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


def _completed(record: UploadRecord, size: int, etag: str) -> CompletedUpload:
    return CompletedUpload(image_id=record.image_id, bytes=size, etag=etag)


def _expired(record: UploadRecord) -> ProblemError:
    return ProblemError(HTTPStatus.GONE, f"Upload {record.image_id} has expired; request a new one")
