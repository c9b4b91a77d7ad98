"""``/images``: show, list, change and take down images, and sign tokens for private ones."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from lambdas.core import life
from lambdas.core.access.grants import Scope
from lambdas.core.access.image_tokens import sign_image_token
from lambdas.core.clients import s3
from lambdas.core.keys import ImageId, is_private
from lambdas.core.observability import count, logger
from lambdas.core.records import UploadRecord
from lambdas.core.settings import load_settings
from lambdas.core.stores.originals import find_original
from lambdas.upload_api import resources
from lambdas.upload_api.caller import Caller
from lambdas.upload_api.cursor import Position, format_cursor, parse_cursor
from lambdas.upload_api.image_models import (
    ImageChange,
    ImageDetails,
    ImageList,
    ImageSummary,
    SignedToken,
    Takedown,
    TokenRequest,
)
from lambdas.upload_api.lookup import ImageIdText, find_image, find_row, require_state
from lambdas.upload_api.markup import Markup, image_markup
from lambdas.upload_api.problem import ProblemError
from lambdas.upload_api.s3_uploads import MultipartObject, UploadGoneError
from lambdas.upload_api.takedown import refocus
from lambdas.upload_api.takedown import take_down as remove

router = Router()  # type: ignore[no-untyped-call]  # Powertools leaves it untyped
_TAGS = ["images"]
_RETRY_SECONDS = "2"


def _tenant(scope: Scope) -> str:
    caller: Caller = router.context["caller"]
    caller.require(scope)
    return caller.tenant


@router.get("/images", tags=_TAGS, summary="List images, newest first")
def list_images(
    cursor: Annotated[str | None, Query(max_length=1000, description="The last page's next.")] = None,
) -> ImageList:
    """List a page of the tenant's images that have arrived."""
    tenant, keys = _tenant("images:read"), resources.image_token_keys()
    after = None
    if cursor is not None:
        position = parse_cursor(cursor, tenant, keys.get().keys)
        after = (position.uploaded_at, position.image_id)
    items, following = resources.images().newest(tenant, load_settings().api.images_per_page, after)
    return ImageList(
        images=[ImageSummary.of(item) for item in items],
        next=format_cursor(Position(*following), tenant, keys.get()) if following else None,
    )


@router.get("/images/<image_id>", tags=_TAGS, summary="Show an image")
def show_image(image_id: ImageIdText) -> "Response[ImageDetails]":
    """Return everything known about an image, with markup to show it. Without an outcome yet, Retry-After is set."""
    row = find_image(image_id, _tenant("images:read"))
    details = ImageDetails.of_row(row, _markup(row), _arrived_bytes(row) if row["state"] == "expected" else None)
    headers = {"Retry-After": _RETRY_SECONDS} if row["state"] in ("expected", "processing") else {}
    return Response(HTTPStatus.OK.value, "application/json", details, headers=headers)


@router.patch("/images/<image_id>", tags=_TAGS, summary="Change an image's focus")
def change_image(image_id: ImageIdText, request: ImageChange) -> ImageDetails:
    """Have crops keep another point in view. Idempotent.

    Crops that exist are deleted, also from the edge's caches, and drawn again on their next request, under the same
    URLs. Browsers keep what they have cached.
    """
    focus = request.focus.model_dump() if request.focus else None
    row = refocus(find_image(image_id, _tenant("images:edit")), focus)
    logger.info("Focus changed", extra={"focus": focus})
    count("image_refocused")
    return ImageDetails.of_row(row, _markup(row))


@router.delete("/images/<image_id>", tags=_TAGS, summary="Take an image down")
def take_down(image_id: ImageIdText) -> Takedown:
    """Delete an image in any state: the original and every derivative, also from the edge's caches. Idempotent.

    From now on nothing brings it back: not a signed upload that is used later, nor a message that is processed later.
    """
    tenant = _tenant("images:delete")
    row = find_row(image_id, tenant)
    if row is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"No image {image_id} for tenant {tenant}")
    removed = remove(ImageId(row["image_id"]), tenant)
    logger.info("Taken down", extra={"originals": removed.originals, "derivatives": removed.derivatives})
    count("image_taken_down")
    return Takedown(
        image_id=removed.image_id,
        originals=removed.originals,
        derivatives=removed.derivatives,
        invalidation=removed.invalidation,
        removed_at=removed.removed_at,
        final_at=removed.final_at,
    )


@router.post("/images/<image_id>/release", tags=_TAGS, summary="Release a held image")
def release_image(image_id: ImageIdText) -> ImageDetails:
    """Publish an image that was held for inspection."""
    row = find_image(image_id, _tenant("images:release"))
    held_id = require_state(row, "held")
    released = resources.images().apply(held_id, life.release(datetime.now(UTC)))
    if not released.done or released.row is None:
        raise ProblemError(HTTPStatus.CONFLICT, f"Image {held_id} is no longer held; ask for its state again")
    count("image_released")
    return ImageDetails.of_row(released.row, _markup(released.row))


@router.post("/images/<image_id>/token", tags=_TAGS, summary="Sign a viewer's token for a private image")
def create_token(image_id: ImageIdText, request: TokenRequest) -> SignedToken:
    """Sign a token for one private image, and return it with markup that contains it."""
    item = find_image(image_id, _tenant("images:share"))
    private_id = require_state(item, "ready")
    if not is_private(private_id):
        raise ProblemError(
            HTTPStatus.CONFLICT, f"expected a private image, its id beginning with p-, but received {private_id}"
        )
    settings = load_settings().image_tokens
    seconds = settings.default_seconds if request.seconds is None else request.seconds
    if seconds > settings.max_seconds:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"expected at most {settings.max_seconds} seconds but received {seconds}"
        )
    keys = resources.image_token_keys().get()
    signed = sign_image_token(keys, private_id, now=datetime.now(UTC), life=timedelta(seconds=seconds))
    count("image_token_signed")
    return SignedToken(
        image_id=private_id,
        token=signed.token,
        expires_at=signed.expires_at.isoformat(),
        markup=_markup(item, signed.token),
    )


def _arrived_bytes(row: dict[str, Any]) -> int:
    """Return the bytes that S3 has of an image without an outcome: the whole file, or the parts sent so far."""
    upload = UploadRecord.model_validate(row)
    bucket = resources.variables().originals_bucket
    arrived = find_original(s3(), bucket, upload.key)
    if arrived is not None:
        return arrived.bytes
    if upload.multipart_id is None:
        return 0
    try:
        parts = MultipartObject(s3(), bucket, upload.key, upload.multipart_id).all_arrived()
        return sum(part.bytes for part in parts)
    except UploadGoneError:  # it expired, or was completed just now
        return 0


def _markup(item: dict[str, Any], token: str | None = None) -> Markup | None:
    delivery_url, metadata = resources.delivery_url(), item.get("metadata")
    if delivery_url is None or not metadata or item["state"] != "ready":
        return None
    return image_markup(
        ImageId(item["image_id"]),
        metadata["width"],
        metadata["height"],
        delivery_url=delivery_url,
        ladder=load_settings().ladder,
        token=token,
    )
