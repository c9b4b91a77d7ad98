"""``/images``: see, list, take down, and let viewers see private ones."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from lambdas.core.access.image_tokens import sign_image_token
from lambdas.core.access.scopes import Scope
from lambdas.core.clients import cloudfront, s3
from lambdas.core.keys import ImageId, is_private
from lambdas.core.observability import count, identify, logger
from lambdas.core.settings import load_settings
from lambdas.core.takedown.invalidation import CloudFrontInvalidation, NoEdge
from lambdas.core.takedown.takedown import Picture, PicturePlaces
from lambdas.core.takedown.versions import VersionedObjects
from lambdas.upload_api import resources as stores
from lambdas.upload_api.caller import Caller
from lambdas.upload_api.images.answers import (
    ImageAnswer,
    ImageList,
    ImageSummary,
    Takedown,
    TokenAnswer,
    TokenRequest,
)
from lambdas.upload_api.images.cursor import Position, read_cursor, write_cursor
from lambdas.upload_api.images.markup import Markup, markup
from lambdas.upload_api.problem import ProblemError
from lambdas.upload_api.uploads.ownership import parse_id

router = Router()  # type: ignore[no-untyped-call]  # Powertools leaves it untyped
ImageIdText = Annotated[str, Path(description="The image id that POST /uploads answered.")]
_TAGS = ["images"]


def _caller(scope: Scope) -> Caller:
    caller: Caller = router.context["caller"]
    caller.require(scope)
    return caller


@router.get("/images", tags=_TAGS, summary="List images, newest first")
def list_images(
    cursor: Annotated[str | None, Query(max_length=1000, description="The last page's next.")] = None,
) -> ImageList:
    """List a page of the tenant's images whose outcome is known."""
    tenant = _caller("images:read").tenant
    after = None
    if cursor is not None:
        position = read_cursor(cursor, tenant, stores.image_token_keys().get().keys)
        after = (position.uploaded_at, position.image_id)
    items, following = stores.images().newest(tenant, load_settings().api.images_per_page, after)
    keys = stores.image_token_keys()
    return ImageList(
        images=[ImageSummary.of(item) for item in items],
        next=write_cursor(Position(*following), tenant, keys.get()) if following else None,
    )


@router.get("/images/<image_id>", tags=_TAGS, summary="See what became of an image")
def show_image(image_id: ImageIdText) -> ImageAnswer:
    """Say all that is known of an image, with markup to show it."""
    tenant = _caller("images:read").tenant
    parsed = parse_id(image_id)
    identify(parsed, tenant)
    item = stores.images().find(parsed)
    if item is not None and item["tenant"] == tenant:
        return ImageAnswer.of_item(item, _markup(item))
    record = stores.uploads().find(parsed) if item is None else None
    if record is None or record.tenant != tenant:
        raise _unknown(parsed, tenant)
    return ImageAnswer.of_upload(record)


@router.delete("/images/<image_id>", tags=_TAGS, summary="Take an image down")
def take_down(image_id: ImageIdText) -> Takedown:
    """Delete the original and every derivative for good, and have the edge forget them."""
    item = _settled_item(image_id, _caller("images:delete"))
    parsed = ImageId(item["image_id"])
    (removed,) = _places().remove([Picture(parsed, item["original"]["key"])])
    stores.uploads().remove(parsed)
    logger.info("Taken down", extra={"originals": removed.originals, "derivatives": removed.derivatives})
    count("image_taken_down")
    return Takedown(
        image_id=parsed,
        originals=removed.originals,
        derivatives=removed.derivatives,
        invalidation=removed.invalidation,
    )


@router.post("/images/<image_id>/token", tags=_TAGS, summary="Let a viewer see a private image")
def create_token(image_id: ImageIdText, request: TokenRequest) -> TokenAnswer:
    """Sign a token for one private image, and give the markup that carries it."""
    item = _settled_item(image_id, _caller("images:share"))
    parsed = ImageId(item["image_id"])
    if not is_private(parsed):
        raise ProblemError(
            HTTPStatus.CONFLICT, f"expected a private image, whose id begins with p-, but received {parsed}"
        )
    settings = load_settings().image_tokens
    seconds = settings.default_seconds if request.seconds is None else request.seconds
    if seconds > settings.max_seconds:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"expected at most {settings.max_seconds} seconds but received {seconds}"
        )
    keys = stores.image_token_keys().get()
    signed = sign_image_token(keys, parsed, now=datetime.now(UTC), life=timedelta(seconds=seconds))
    count("image_token_signed")
    return TokenAnswer(
        image_id=parsed,
        token=signed.token,
        expires_at=signed.expires_at.isoformat(),
        markup=_markup(item, signed.token),
    )


def _settled_item(text: str, caller: Caller) -> dict[str, Any]:
    parsed = parse_id(text)
    identify(parsed, caller.tenant)
    item = stores.images().find(parsed)
    if item is not None and item["tenant"] == caller.tenant:
        return item
    record = stores.uploads().find(parsed) if item is None else None
    if record is not None and record.tenant == caller.tenant:
        raise ProblemError(HTTPStatus.CONFLICT, f"expected an image with an outcome but {parsed} is still pending")
    raise _unknown(parsed, caller.tenant)


def _unknown(image_id: ImageId, tenant: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.NOT_FOUND, f"expected an image of the tenant {tenant} but received {image_id}, which is none"
    )


def _markup(item: dict[str, Any], token: str | None = None) -> Markup | None:
    address, metadata = stores.delivery_url().get(), item.get("metadata")
    if address is None or not metadata or item["outcome"] != "ready":
        return None
    return markup(
        ImageId(item["image_id"]),
        metadata["width"],
        metadata["height"],
        delivery_url=address,
        ladder=load_settings().ladder,
        token=token,
    )


def _places() -> PicturePlaces:
    settings, variables, distribution_id = load_settings(), stores.variables(), stores.distribution_id().get()
    return PicturePlaces(
        originals=VersionedObjects(s3(), variables.originals_bucket, settings.storage.object_lock),
        derivatives=(
            VersionedObjects(s3(), variables.derivatives_bucket),
            VersionedObjects(s3(settings.regions.replica), variables.replica_bucket),
        ),
        edge=CloudFrontInvalidation(cloudfront(), distribution_id) if distribution_id else NoEdge(),
        images=stores.images(),
    )
