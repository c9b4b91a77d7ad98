"""The API's routes as methods: each is retried, and answers with JSON's types."""

import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from darkroom_client.errors import check_api
from darkroom_client.retry import Result, RetryPolicy

Json = dict[str, Any]
_TIMEOUT = httpx.Timeout(60, connect=10)
_CONNECTIONS = 32


def no_retry_seen() -> None:
    """Take no note of a retry."""


class Api:
    """Darkroom's API for the tenant of one bearer token.

    Args:
        url: the API's address, without a slash at its end.
        token: a bearer token (JWT).
        policy: how often a request is tried.
        http: the client to speak through; one of its own if None. It reaches the bucket too.
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

    def insist(self, attempt: Callable[[], Result], what: str, on_retry: Callable[[], None]) -> Result:
        """Call ``attempt`` as often as the policy has it, until :attr:`stopped` is set.

        Raises:
            UnreachableError: no attempt succeeded; names ``what`` was tried.
            RefusedError: another attempt would not help.
        """
        return self.policy.call(attempt, what, on_retry, self.stopped)

    def create_upload(
        self,
        content_type: str,
        size: int,
        *,
        private: bool = False,
        sha256: str | None = None,
        on_retry: Callable[[], None] = no_retry_seen,
    ) -> Json:
        """Ask for an upload; the answer's ``kind`` says whether it goes up whole or in parts."""
        body = {"content_type": content_type, "bytes": size, "private": private, "sha256": sha256}
        return self._ask("POST", "/uploads", body, on_retry=on_retry)

    def sign_parts(
        self, image_id: str, parts: Sequence[Json], *, on_retry: Callable[[], None] = no_retry_seen
    ) -> list[Json]:
        """Have parts (number, sha256) signed."""
        answer = self._ask("POST", f"/uploads/{image_id}/parts", {"parts": list(parts)}, on_retry=on_retry)
        signed: list[Json] = answer["parts"]
        return signed

    def show_upload(self, image_id: str, *, after: int = 0, on_retry: Callable[[], None] = no_retry_seen) -> Json:
        """Say what has arrived, past part ``after``."""
        return self._ask("GET", f"/uploads/{image_id}", params={"after": after}, on_retry=on_retry)

    def complete_upload(
        self, image_id: str, parts: Sequence[Json], *, on_retry: Callable[[], None] = no_retry_seen
    ) -> Json:
        """Put the parts (number, etag) together."""
        return self._ask("POST", f"/uploads/{image_id}/complete", {"parts": list(parts)}, on_retry=on_retry)

    def cancel_upload(self, image_id: str) -> None:
        """Cancel an upload that has not arrived."""
        self._ask("DELETE", f"/uploads/{image_id}")

    def image(self, image_id: str) -> Json:
        """Say what became of an image, with markup to show it."""
        return self._ask("GET", f"/images/{image_id}")

    def images(self) -> Iterator[Json]:
        """Yield every image of the tenant, newest first."""
        cursor = None
        while True:
            page = self._ask("GET", "/images", params={"cursor": cursor} if cursor else None)
            yield from page["images"]
            cursor = page["next"]
            if cursor is None:
                return

    def take_down(self, image_id: str) -> Json:
        """Delete an image, everywhere and for good."""
        return self._ask("DELETE", f"/images/{image_id}")

    def image_token(self, image_id: str, seconds: int | None = None) -> Json:
        """Have a token signed that lets a viewer see a private image."""
        return self._ask("POST", f"/images/{image_id}/token", {"seconds": seconds})

    def _ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        params: Json | None = None,
        on_retry: Callable[[], None] = no_retry_seen,
    ) -> Json:
        def attempt() -> Json:
            answer = self.http.request(method, self.url + path, json=body, params=params, headers=self._headers)
            answered: Json = check_api(answer)
            return answered

        return self.insist(attempt, f"an answer to {method} {path}", on_retry)
