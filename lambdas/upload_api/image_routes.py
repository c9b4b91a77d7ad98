"""``/images``: show, list and take down images, and sign tokens for private ones."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from lambdas.core.access.grants import Scope
from lambdas.core.access.image_tokens import sign_image_token
from lambdas.core.keys import ImageId, is_private
from lambdas.core.observability import count, logger
from lambdas.core.settings import load_settings
from lambdas.core.stores.uploads import UploadRecord
from lambdas.core.takedown import Target
from lambdas.upload_api import resources
from lambdas.upload_api.caller import Caller
from lambdas.upload_api.cursor import Position, format_cursor, parse_cursor
from lambdas.upload_api.image_models import ImageDetails, ImageList, ImageSummary, SignedToken, Takedown, TokenRequest
from lambdas.upload_api.lookup import ImageIdText, find_finished_image, find_image
from lambdas.upload_api.markup import Markup, image_markup
from lambdas.upload_api.problem import ProblemError

router = Router()  # type: ignore[no-untyped-call]  # Powertools leaves it untyped
_TAGS = ["images"]


def _tenant(scope: Scope) -> str:
    caller: Caller = router.context["caller"]
    caller.require(scope)
    return caller.tenant


@router.get("/images", tags=_TAGS, summary="List images, newest first")
def list_images(
    cursor: Annotated[str | None, Query(max_length=1000, description="The last page's next.")] = None,
) -> ImageList:
    """List a page of the tenant's images that have an outcome."""
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
def show_image(image_id: ImageIdText) -> ImageDetails:
    """Return everything known about an image, with markup to show it."""
    found = find_image(image_id, _tenant("images:read"))
    if isinstance(found, UploadRecord):
        return ImageDetails.of_upload(found)
    return ImageDetails.of_item(found, _markup(found))


@router.delete("/images/<image_id>", tags=_TAGS, summary="Take an image down")
def take_down(image_id: ImageIdText) -> Takedown:
    """Delete the original and every derivative permanently, and remove them from the edge's caches."""
    item = find_finished_image(image_id, _tenant("images:delete"))
    target = Target(ImageId(item["image_id"]), item["original"]["key"])
    (removed,) = resources.image_resources().remove([target])
    resources.uploads().remove(target.image_id)
    logger.info("Taken down", extra={"originals": removed.originals, "derivatives": removed.derivatives})
    count("image_taken_down")
    return Takedown(
        image_id=target.image_id,
        originals=removed.originals,
        derivatives=removed.derivatives,
        invalidation=removed.invalidation,
    )


@router.post("/images/<image_id>/token", tags=_TAGS, summary="Sign a viewer's token for a private image")
def create_token(image_id: ImageIdText, request: TokenRequest) -> SignedToken:
    """Sign a token for one private image, and return it with markup that contains it."""
    item = find_finished_image(image_id, _tenant("images:share"))
    private_id = ImageId(item["image_id"])
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


def _markup(item: dict[str, Any], token: str | None = None) -> Markup | None:
    delivery_url, metadata = resources.delivery_url(), item.get("metadata")
    if delivery_url is None or not metadata or item["outcome"] != "ready":
        return None
    return image_markup(
        ImageId(item["image_id"]),
        metadata["width"],
        metadata["height"],
        delivery_url=delivery_url,
        ladder=load_settings().ladder,
        token=token,
    )
