"""A tenant's images and uploads by id. Another tenant's are a 404."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Path

from lambdas.core.keys import ImageId, MalformedKeyError, parse_image_id
from lambdas.core.observability import identify
from lambdas.core.stores.uploads import UploadRecord
from lambdas.upload_api import resources
from lambdas.upload_api.problem import ProblemError

ImageIdText = Annotated[str, Path(description="The image id that POST /uploads returned.")]


def find_upload(text: str, tenant: str) -> UploadRecord:
    """Return the upload of ``tenant`` with an image id.

    Raises:
        ProblemError: 400 malformed image id; 404 the tenant has no such upload.
    """
    image_id = _parse_id(text, tenant)
    record = resources.uploads().find(image_id)
    if record is None or record.tenant != tenant:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"No upload {image_id} for tenant {tenant}")
    return record


def find_image(text: str, tenant: str) -> dict[str, Any] | UploadRecord:
    """Return the images table's item of an image of ``tenant``; its upload while it has no outcome.

    Raises:
        ProblemError: 400 malformed image id; 404 the tenant has no such image.
    """
    image_id = _parse_id(text, tenant)
    item = resources.images().find(image_id)
    if item is not None and item["tenant"] == tenant:
        return item
    record = resources.uploads().find(image_id) if item is None else None
    if record is None or record.tenant != tenant:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"No image {image_id} for tenant {tenant}")
    return record


def find_finished_image(text: str, tenant: str) -> dict[str, Any]:
    """Return the images table's item of an image of ``tenant``.

    Raises:
        ProblemError: 400 malformed image id; 404 the tenant has no such image; 409 it has no outcome yet.
    """
    found = find_image(text, tenant)
    if isinstance(found, UploadRecord):
        raise ProblemError(HTTPStatus.CONFLICT, f"Image {found.image_id} is still pending: it has no outcome yet")
    return found


def _parse_id(text: str, tenant: str) -> ImageId:
    try:
        image_id = parse_image_id(text)
    except MalformedKeyError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, str(error)) from error
    identify(image_id, tenant)
    return image_id
