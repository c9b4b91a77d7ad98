"""The API's routes as methods. Every request is retried with exponential backoff; results are decoded JSON."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_exception,
    wait_random_exponential,
)

from darkroom_client.errors import TransientError, UndecidedError, UnreachableError, check_api, retry_after

Json = dict[str, Any]
Focus = tuple[float, float]
"""The point that crops keep in view: x and y as fractions of the upright picture, from 0 to 1."""
OnRetry = Callable[[], None]
"""Called before each attempt after the first."""

_Result = TypeVar("_Result")
_TIMEOUT = httpx.Timeout(60, connect=10)
_CONNECTIONS = 32
_UNDECIDED = ("expected", "processing")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is tried, and the bounds of the waits between attempts, in seconds.

    Waits grow exponentially with full jitter, so that many clients do not return at the same moment. A
    ``Retry-After`` of the server, up to ``longest_wait``, is added.
    """

    attempts: int = 10
    first_wait: float = 0.2
    longest_wait: float = 15.0


class Api:
    """Darkroom's API, for the tenant of one bearer token.

    Args:
        url: the API's address.
        token: a bearer token (JWT).
        policy: how often a request is tried.
        http: the HTTP client to use for the API and the bucket; by default one with timeouts for large uploads.
    """

    def __init__(
        self, url: str, token: str, *, policy: RetryPolicy | None = None, http: httpx.Client | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self.policy = policy or RetryPolicy()
        self.http = http or httpx.Client(
            timeout=_TIMEOUT, limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        )
        self.stopped = threading.Event()
        """Set it to end every retry: attempts in progress finish, no new one starts."""
        self._headers = {"Authorization": f"Bearer {token}"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self.http.close()

    def retry(self, attempt: Callable[[], _Result], what: str, on_retry: OnRetry | None = None) -> _Result:
        """Call ``attempt`` until it succeeds, as often as the policy allows; ``what`` describes it in the error.

        Raises:
            UnreachableError: every attempt failed.
            RefusedError: the request was refused, so that a retry would not help.
        """
        policy = self.policy
        retrying = Retrying(
            retry=retry_if_exception_type((httpx.TransportError, TransientError)),
            wait=wait_exception(lambda error: min(getattr(error, "retry_after", 0.0), policy.longest_wait))
            + wait_random_exponential(multiplier=policy.first_wait, max=policy.longest_wait),
            stop=stop_after_attempt(policy.attempts) | stop_when_event_set(self.stopped),
            sleep=sleep_using_event(self.stopped),
            before_sleep=lambda _state: on_retry() if on_retry else None,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except (httpx.TransportError, TransientError) as error:
            raise UnreachableError(
                f"expected {what} within {policy.attempts} attempts but received: {error or type(error).__name__}"
            ) from error

    def create_upload(
        self,
        content_type: str,
        size: int,
        *,
        private: bool = False,
        sha256: str | None = None,
        focus: Focus | None = None,
        on_retry: OnRetry | None = None,
    ) -> Json:
        """Create an upload of ``size`` bytes; ``kind`` of the result is ``single`` or ``multipart``."""
        body: Json = {"content_type": content_type, "bytes": size, "private": private, "sha256": sha256}
        if focus is not None:
            body["focus"] = _focus(focus)
        return self._request("POST", "/uploads", body, on_retry=on_retry)

    def sign_parts(self, image_id: str, parts: Sequence[Json], *, on_retry: OnRetry | None = None) -> list[Json]:
        """Return presigned requests for ``parts`` (number, sha256)."""
        page = self._request("POST", f"/uploads/{image_id}/parts", {"parts": list(parts)}, on_retry=on_retry)
        signed: list[Json] = page["parts"]
        return signed

    def show_upload(self, image_id: str, *, after: int = 0, on_retry: OnRetry | None = None) -> Json:
        """Return an upload's state and a page of its arrived parts, those after part ``after``."""
        return self._request("GET", f"/uploads/{image_id}", params={"after": after}, on_retry=on_retry)

    def complete_upload(self, image_id: str, parts: Sequence[Json], *, on_retry: OnRetry | None = None) -> Json:
        """Complete a multipart upload from its ``parts`` (number, etag)."""
        return self._request("POST", f"/uploads/{image_id}/complete", {"parts": list(parts)}, on_retry=on_retry)

    def cancel_upload(self, image_id: str) -> None:
        """Cancel an upload that has not arrived."""
        self._request("DELETE", f"/uploads/{image_id}")

    def image(self, image_id: str) -> Json:
        """Return an image in its current ``state``; once that is ``ready``, with markup to show it."""
        return self._request("GET", f"/images/{image_id}")

    def await_image(self, image_id: str, seconds: float = 120) -> Json:
        """Return an image as soon as it has an outcome; its ``state`` is then ready, rejected or held.

        The API is asked again after the ``Retry-After`` that it answers.

        Raises:
            UndecidedError: it has no outcome after ``seconds``, or the uploader was stopped.
            RefusedError: there is no such image, or it was taken down.
            UnreachableError: every attempt of a request failed.
        """
        deadline = time.monotonic() + seconds
        while True:
            image, pause = self._ask("GET", f"/images/{image_id}")
            if image["state"] not in _UNDECIDED:
                return image
            left = deadline - time.monotonic()
            if left <= 0 or self.stopped.wait(min(left, max(pause, self.policy.first_wait))):
                raise UndecidedError(
                    f"expected an outcome of {image_id} within {seconds:g} s but it is {image['state']}"
                )

    def images(self) -> Iterator[Json]:
        """Yield every image of the tenant, newest first."""
        cursor = None
        while True:
            page = self._request("GET", "/images", params={"cursor": cursor} if cursor else None)
            yield from page["images"]
            cursor = page["next"]
            if cursor is None:
                return

    def set_focus(self, image_id: str, focus: Focus | None) -> Json:
        """Have crops of an image keep ``focus`` in view, or what the settings say; return the image."""
        return self._request("PATCH", f"/images/{image_id}", {"focus": None if focus is None else _focus(focus)})

    def take_down(self, image_id: str) -> Json:
        """Delete an image everywhere, permanently."""
        return self._request("DELETE", f"/images/{image_id}")

    def image_token(self, image_id: str, seconds: int | None = None) -> Json:
        """Return a token that lets a viewer see a private image for ``seconds``."""
        return self._request("POST", f"/images/{image_id}/token", {"seconds": seconds})

    def _request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        params: Json | None = None,
        on_retry: OnRetry | None = None,
    ) -> Json:
        return self._ask(method, path, body, params=params, on_retry=on_retry)[0]

    def _ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        params: Json | None = None,
        on_retry: OnRetry | None = None,
    ) -> tuple[Json, float]:
        """Return the response's JSON, and the seconds after which the server asks to be asked again."""

        def attempt() -> tuple[Json, float]:
            response = self.http.request(method, self.url + path, json=body, params=params, headers=self._headers)
            return check_api(response), retry_after(response)

        return self.retry(attempt, f"a response to {method} {path}", on_retry)


def _focus(focus: Focus) -> Json:
    x, y = focus
    return {"x": x, "y": y}
