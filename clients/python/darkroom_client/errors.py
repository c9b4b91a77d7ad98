"""What can go wrong with a request, told apart by whether asking again would help."""

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
# S3's codes for a body that was changed or cut short on its way: the same bytes may arrive whole.
_DAMAGED = frozenset({"BadDigest", "IncompleteBody", "RequestTimeout", "XAmzContentSHA256Mismatch"})
_EXPIRED = "Request has expired"


class ClientError(Exception):
    """Base of what the client raises."""


class RefusedError(ClientError):
    """The API or the bucket said no, and would again; ``status`` is HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class UnreachableError(ClientError):
    """Every attempt failed, the last for the reason that the message gives."""


class StoppedError(ClientError):
    """The uploader was told to stop; what had arrived stays, for another run to go on with."""


class TransientError(ClientError):
    """An answer that the same request may not get again; ``wait`` is the server's own advice, in seconds."""

    def __init__(self, message: str, wait: float = 0) -> None:
        super().__init__(message)
        self.wait = wait


class ExpiredError(TransientError):
    """A presigned request whose time is over: it has to be signed anew."""


def check_api(answer: httpx.Response) -> Any:
    """Return the JSON of the API's answer, or None where it has no content.

    Raises:
        TransientError: worth another attempt.
        RefusedError: with the detail of the problem document.
    """
    if answer.is_success:
        return answer.json() if answer.content else None
    detail = _problem_detail(answer)
    if answer.status_code in _TRANSIENT:
        raise TransientError(detail, _advice(answer))
    raise RefusedError(detail, answer.status_code)


def check_bucket(answer: httpx.Response) -> httpx.Response:
    """Return the bucket's answer if it is a success.

    Raises:
        ExpiredError: the presigned request's time is over.
        TransientError: worth another attempt.
        RefusedError: with S3's code and message.
    """
    if answer.is_success:
        return answer
    code, message = _s3_fault(answer)
    text = f"expected the bucket to take the upload but received {answer.status_code} {code}: {message}"
    if answer.status_code == HTTPStatus.FORBIDDEN and (_EXPIRED in message or "Policy expired" in message):
        raise ExpiredError(text)
    if answer.status_code in _TRANSIENT or code in _DAMAGED:
        raise TransientError(text, _advice(answer))
    raise RefusedError(text, answer.status_code)


def _problem_detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json().get("detail")
    except (ValueError, AttributeError):
        detail = None
    return str(detail or f"expected success from the API but received {answer.status_code}: {answer.text[:200]}")


def _s3_fault(answer: httpx.Response) -> tuple[str, str]:
    try:
        document = ElementTree.fromstring(answer.content)  # noqa: S314  # from the bucket that the API named
    except ElementTree.ParseError:
        return "", answer.text[:200]
    return document.findtext("Code") or "", document.findtext("Message") or ""


def _advice(answer: httpx.Response) -> float:
    try:
        return max(0.0, float(answer.headers.get("retry-after", 0)))
    except ValueError:  # a date: our own backoff serves as well
        return 0
