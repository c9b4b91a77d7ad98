"""One tenant's uploads: another's are as unknown as those that never were."""

from http import HTTPStatus

from lambdas.core.keys import ImageId, MalformedKeyError, parse_image_id
from lambdas.core.observability import identify
from lambdas.core.stores.uploads import UploadRecord
from lambdas.upload_api import resources as stores
from lambdas.upload_api.problem import ProblemError


def parse_id(text: str) -> ImageId:
    """Return a path's image id.

    Raises:
        ProblemError: 400, it is none.
    """
    try:
        return parse_image_id(text)
    except MalformedKeyError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, str(error)) from error


def find_upload(text: str, tenant: str) -> UploadRecord:
    """Return the upload of ``tenant`` under an image id.

    Raises:
        ProblemError: 400 no image id; 404 the tenant has no such upload.
    """
    image_id = parse_id(text)
    identify(image_id, tenant)
    record = stores.uploads().find(image_id)
    if record is None or record.tenant != tenant:
        raise ProblemError(
            HTTPStatus.NOT_FOUND, f"expected an upload of the tenant {tenant} but received {image_id}, which is none"
        )
    return record
