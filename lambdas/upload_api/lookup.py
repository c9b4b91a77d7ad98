"""A tenant's images by id, from POST /uploads on. Another tenant's are a 404."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Path

from lambdas.core.keys import ImageId, MalformedKeyError, parse_image_id
from lambdas.core.observability import identify
from lambdas.core.records import UploadRecord
from lambdas.upload_api import resources
from lambdas.upload_api.problem import ProblemError

ImageIdText = Annotated[str, Path(description="The image id that POST /uploads returned.")]


def find_row(text: str, tenant: str) -> dict[str, Any] | None:
    """Return the row of an image of ``tenant`` in any state, removed ones too; None if there is none.

    Raises:
        ProblemError: 400 malformed image id.
    """
    try:
        image_id = parse_image_id(text)
    except MalformedKeyError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, str(error)) from error
    identify(image_id, tenant)
    row = resources.images().find(image_id, now=True)
    return row if row and row.get("tenant") == tenant else None


def find_image(text: str, tenant: str) -> dict[str, Any]:
    """Return the row of an image of ``tenant``, whether or not it has arrived.

    Raises:
        ProblemError: 400 malformed image id; 404 the tenant has no such image, or it was removed.
    """
    row = find_row(text, tenant)
    if row is None or row["state"] == "removed":
        raise ProblemError(HTTPStatus.NOT_FOUND, f"No image {text} for tenant {tenant}")
    return row


def find_upload(text: str, tenant: str) -> UploadRecord:
    """Return what ``tenant`` asked to upload under an image id.

    Raises:
        ProblemError: 400 malformed image id; 404 the tenant requested no such upload, or its image was removed.
    """
    row = find_row(text, tenant)
    if row is None or row["state"] == "removed" or "requested_at" not in row:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"No upload {text} for tenant {tenant}")
    return UploadRecord.model_validate(row)


def require_state(row: dict[str, Any], *allowed: str) -> ImageId:
    """Return the id of an image whose state is one of ``allowed``.

    Raises:
        ProblemError: 409 with the state that it is in.
    """
    if row["state"] not in allowed:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            f"expected an image that is {' or '.join(allowed)} but {row['image_id']} is {row['state']}",
        )
    return ImageId(row["image_id"])
