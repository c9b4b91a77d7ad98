"""What a client asks for when it wants to upload, and whether it may; no AWS."""

from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from lambdas.keys import TENANT_PATTERN
from lambdas.settings import Settings
from lambdas.upload.problem import ProblemError, invalid_body


class UploadRequest(BaseModel):
    """The body of ``POST /uploads``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: StrictStr = Field(pattern=TENANT_PATTERN)
    content_type: StrictStr = Field(description="As the client sees it; what the bytes say counts.")
    bytes: StrictInt = Field(ge=0, description="Size of the file; the upload must have exactly as many.")
    private: StrictBool = Field(default=False, description="Whether seeing the picture takes a token.")


def parse_upload_request(body: str, settings: Settings) -> UploadRequest:
    """Read a request's body and hold it against the settings.

    Raises:
        ProblemError: 400 malformed, 403 unknown tenant, 413 too large, 415 content type not allowed.
    """
    try:
        request = UploadRequest.model_validate_json(body or "null")
    except ValidationError as error:
        raise invalid_body(error) from error
    if request.tenant not in settings.tenants:
        raise ProblemError(HTTPStatus.FORBIDDEN, f"expected a known tenant but received {request.tenant!r}")
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
    return request
