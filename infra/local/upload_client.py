"""Client of the upload API: asks for a presigned form, then posts a file's bytes with it."""

import io
import mimetypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from xml.etree import ElementTree

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from infra.local.errors import LocalStackError
from lambdas.settings import Settings

UNKNOWN_TYPE = "application/octet-stream"
_ATTEMPTS = 6
_LONGEST_WAIT_SECONDS = 8
_TRANSIENT = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
# Modern picture types that the standard library's table leaves out on some Pythons.
_MIME_TYPES = mimetypes.MimeTypes(strict=False)
for _suffix in ("avif", "heic", "heif", "webp"):
    _MIME_TYPES.add_type(f"image/{_suffix}", f".{_suffix}")

Progress = Callable[[int], None]
"""Told how many bytes of the file have been sent so far; less than before when an attempt starts again."""


class UploadRefusedError(LocalStackError):
    """The API or the bucket refused the upload: trying again would not help."""


class UploadFailedError(LocalStackError):
    """The upload did not get through, after all retries."""


class _TransientError(Exception):
    """An answer that the same request may not get again."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that is an original now."""

    path: Path
    image_id: str
    bytes: int
    seconds: float


def content_type(path: Path, settings: Settings) -> str:
    """Return the content type to declare for ``path``: by its name, if the API takes that; else that of any bytes."""
    guessed, _encoding = _MIME_TYPES.guess_type(path.name, strict=False)
    return guessed if guessed in settings.uploads.content_types else UNKNOWN_TYPE


class UploadClient:
    """Uploads files for one tenant. Connection faults, throttles and server errors are retried, with full jitter."""

    def __init__(self, api: str, tenant: str, settings: Settings):
        self._api = api
        self._tenant = tenant
        self._settings = settings
        self._http = httpx.Client(trust_env=False, timeout=httpx.Timeout(60, connect=5))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def upload(self, path: Path, *, private: bool = False, progress: Progress = lambda _sent: None) -> Uploaded:
        """Upload the file at ``path``, whatever is in it; what its bytes are worth is for the pipeline to say.

        Raises:
            OSError: the file cannot be read.
            UploadRefusedError: the API or the bucket said no.
            UploadFailedError: every retry failed.
        """
        started = time.monotonic()
        size = path.stat().st_size
        request = {
            "tenant": self._tenant,
            "content_type": content_type(path, self._settings),
            "bytes": size,
            "private": private,
        }
        form = self._retry(path, lambda: self._ask(request))
        self._retry(path, lambda: self._post(path, form, progress))
        return Uploaded(path, form["image_id"], size, time.monotonic() - started)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(f"{self._api}/uploads", json=request)
        if answer.status_code in _TRANSIENT:
            raise _TransientError(f"the upload API answered {answer.status_code}")
        if answer.status_code != HTTPStatus.CREATED:
            raise UploadRefusedError(_problem(answer))
        form: dict[str, Any] = answer.json()
        return form

    def _post(self, path: Path, form: dict[str, Any], progress: Progress) -> None:
        with _MeteredFile(path, progress) as file:
            answer = self._http.post(form["url"], data=form["fields"], files={"file": ("original", file, UNKNOWN_TYPE)})
        if answer.status_code in _TRANSIENT:
            raise _TransientError(f"the bucket answered {answer.status_code}")
        if not answer.is_success:
            raise UploadRefusedError(_s3_error(answer))

    def _retry(self, path: Path, attempt: Callable[[], Any]) -> Any:
        retrying = Retrying(
            retry=retry_if_exception_type((httpx.TransportError, _TransientError)),
            wait=wait_exponential_jitter(initial=0.2, max=_LONGEST_WAIT_SECONDS),
            stop=stop_after_attempt(_ATTEMPTS),
            reraise=True,
        )
        try:
            return retrying(attempt)
        except (httpx.TransportError, _TransientError) as error:
            raise UploadFailedError(
                f"expected {path.name} to be uploaded within {_ATTEMPTS} attempts but received: {error}"
            ) from error


class _MeteredFile(io.FileIO):
    """A file that tells how far it has been read."""

    def __init__(self, path: Path, progress: Progress):
        super().__init__(path, "rb")
        self._progress = progress
        progress(0)

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(-1 if size is None else size) or b""
        self._progress(self.tell())
        return chunk


def _problem(answer: httpx.Response) -> str:
    try:
        detail = answer.json().get("detail")
    except (ValueError, AttributeError):
        detail = None
    return str(detail or f"expected 201 from the upload API but received {answer.status_code}: {answer.text[:200]}")


def _s3_error(answer: httpx.Response) -> str:
    try:
        document = ElementTree.fromstring(answer.content)  # noqa: S314  # from the bucket that the API named
        reason = f"{document.findtext('Code')}: {document.findtext('Message')}"
    except ElementTree.ParseError:
        reason = answer.text[:200]
    return f"expected the bucket to take the upload but received {answer.status_code} {reason}"
