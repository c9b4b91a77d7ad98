"""Whether a file may be uploaded, as the settings say."""

from http import HTTPStatus

from lambdas.core.settings import Settings
from lambdas.upload_api.problem import ProblemError
from lambdas.upload_api.uploads.requests import UploadRequest


def admit(request: UploadRequest, settings: Settings) -> None:
    """Hold ``request`` against the settings.

    Raises:
        ProblemError: 413 too large, 415 content type not allowed.
    """
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
