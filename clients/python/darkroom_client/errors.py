"""What can go wrong with a request, divided by whether a retry can help."""

from http import HTTPStatus
from typing import Any
from xml.etree import ElementTree

import httpx

_TRANSIENT = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
# S3's codes for a body that was changed or cut short on the way: sent again, it may arrive whole.
_DAMAGED = frozenset(
    {"BadDigest", "IncompleteBody", "RequestTimeout", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}
)
_CONFLICT = "ConditionalRequestConflict"  # another write or a deletion came between: "you should retry the upload"
_EXPIRED = ("Request has expired", "Policy expired")


class ClientError(Exception):
    """Base class of the client's errors."""


class RefusedError(ClientError):
    """The API or the bucket refused the request, and would refuse it again. ``status`` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class UnreachableError(ClientError):
    """Every attempt failed; the message has the last reason."""


class UndecidedError(ClientError):
    """An image has no outcome yet. It may come; the message has the state."""


class StoppedError(ClientError):
    """The uploader was stopped. What has arrived stays, and another run can resume it."""


class TransientError(ClientError):
    """A failure that a retry may cure. ``retry_after`` is the server's advice, in seconds."""

    def __init__(self, message: str, retry_after: float = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ExpiredError(TransientError):
    """A presigned request has expired and must be signed again."""


def check_api(response: httpx.Response) -> Any:
    """Return the JSON of the API's response, or None where it has no content.

    Raises:
        TransientError: a retry may help.
        RefusedError: with the problem document's detail (RFC 9457).
    """
    if response.is_success:
        return response.json() if response.content else None
    detail = _problem_detail(response)
    if response.status_code in _TRANSIENT:
        raise TransientError(detail, retry_after(response))
    raise RefusedError(detail, response.status_code)


def check_bucket(response: httpx.Response) -> httpx.Response:
    """Return the bucket's response if it is a success.

    Raises:
        ExpiredError: the presigned request has expired.
        TransientError: a retry may help.
        RefusedError: with S3's code and message.
    """
    if response.is_success:
        return response
    code, message = _s3_error(response)
    text = f"expected the bucket to accept the upload but received {response.status_code} {code}: {message}"
    if response.status_code == HTTPStatus.FORBIDDEN and any(expired in message for expired in _EXPIRED):
        raise ExpiredError(text)
    if response.status_code in _TRANSIENT or code in _DAMAGED or code == _CONFLICT:
        raise TransientError(text, retry_after(response))
    raise RefusedError(text, response.status_code)


def _problem_detail(response: httpx.Response) -> str:
    try:
        detail = response.json().get("detail")
    except (ValueError, AttributeError):
        detail = None
    return str(detail or f"expected success from the API but received {response.status_code}: {response.text[:200]}")


def _s3_error(response: httpx.Response) -> tuple[str, str]:
    try:
        document = ElementTree.fromstring(response.content)  # noqa: S314  # from the bucket that the API named
    except ElementTree.ParseError:
        return "", response.text[:200]
    return document.findtext("Code") or "", document.findtext("Message") or ""


def retry_after(response: httpx.Response) -> float:
    """Return the seconds that the server asks to wait before the next request; 0 if it does not say."""
    try:
        return max(0.0, float(response.headers.get("retry-after", 0)))
    except ValueError:  # an HTTP date: our own backoff is enough
        return 0
