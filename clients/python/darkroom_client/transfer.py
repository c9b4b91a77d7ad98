"""Bytes to the bucket: a small file in one request, a large one as parts in parallel."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice

import httpx

from darkroom_client.api import Api, Json
from darkroom_client.errors import ExpiredError, RefusedError, check_bucket
from darkroom_client.files import Sent, Slice, Source

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def put_file(api: Api, signed: Json, whole: Slice, sent: Sent, on_retry: Callable[[], None]) -> None:
    """Send ``whole`` by a presigned request that the bucket accepts once, and only with the bytes of its SHA-256.

    A 412 says that the file is there. After an attempt whose answer was lost, it was that attempt that brought it.

    Raises:
        UnreachableError: every attempt failed.
        RefusedError: the bucket refused it; 412 if another client has used the request.
        OSError, ChangedError: the file cannot be read as it was.
    """
    answer_lost = False

    def attempt() -> None:
        nonlocal answer_lost
        with _attempt(sent) as count:
            try:
                response = api.http.request(
                    signed["method"],
                    signed["url"],
                    content=whole.stream(count),
                    headers={**signed["headers"], "Content-Length": str(whole.size)},
                )
            except httpx.TransportError as error:
                answer_lost |= not isinstance(error, _NEVER_SENT)
                raise
            if response.status_code != HTTPStatus.PRECONDITION_FAILED:
                answer_lost |= response.is_server_error  # perhaps of a proxy that lost the bucket's answer
                check_bucket(response)
            elif not answer_lost:
                raise RefusedError(
                    f"Upload {signed['image_id']} has already arrived: its URL takes one file, once",
                    response.status_code,
                )
            else:
                count(whole.size - count.total)  # the bucket may have answered before it had read them

    api.retry(attempt, f"{whole.source.path.name} in the bucket", on_retry)


class _Count:
    """Counts bytes as they are sent."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent
        self.total = 0

    def __call__(self, size: int) -> None:
        self.total += size
        self._sent(size)


@contextmanager
def _attempt(sent: Sent) -> Iterator[_Count]:
    """Count bytes as they are sent, and take them back if the attempt fails."""
    count = _Count(sent)
    try:
        yield count
    except BaseException:
        sent(-count.total)
        raise


@dataclass(frozen=True, slots=True)
class Layout:
    """How the API divides a file into parts."""

    image_id: str
    part_bytes: int
    part_count: int
    page: int
    """Parts signed in one request."""


@dataclass
class PartsUpload:
    """The upload of one file in parts, each retried alone.

    Args:
        api: signs parts.
        executor: sends parts; shared by all files, which bounds the connections.
        source: the file.
        layout: how it is divided.
        sent: called with the bytes sent, including those that had arrived before.
        on_retry: called before each attempt after the first.
    """

    api: Api
    executor: Executor
    source: Source
    layout: Layout
    sent: Sent
    on_retry: Callable[[], None]
    _etags: dict[int, str] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, arrived: dict[int, Json]) -> None:
        """Send every part that has not ``arrived`` with the file's bytes, and complete the upload.

        Raises:
            UnreachableError, RefusedError: a part or the completion failed.
            OSError, ChangedError: the file cannot be read as it was.
        """
        missing = self._missing(arrived)
        in_flight: set[Future[None]] = set()
        try:
            # One page is hashed and signed while the previous one is sent.
            while page := list(islice(missing, self.layout.page)):
                signed = self._sign(page)
                in_flight |= {
                    self.executor.submit(self._send, part, request) for part, request in zip(page, signed, strict=True)
                }
                in_flight = _wait_until(in_flight, at_most=self.layout.page)
            _wait_until(in_flight, at_most=0)
        except BaseException:
            self._stopped.set()
            for future in in_flight:
                future.cancel()
            wait(in_flight)
            raise
        parts = [{"number": number, "etag": self._etags[number]} for number in sorted(self._etags)]
        self.api.complete_upload(self.layout.image_id, parts, on_retry=self.on_retry)

    def _missing(self, arrived: dict[int, Json]) -> "Iterator[tuple[int, Slice]]":
        for number in range(1, self.layout.part_count + 1):
            part = self.source.part(number, self.layout.part_bytes)
            there = arrived.get(number)
            if there and there["bytes"] == part.size and there["sha256"] == part.sha256:
                self._etags[number] = there["etag"]
                self.sent(part.size)
            else:
                yield number, part

    def _sign(self, page: "list[tuple[int, Slice]]") -> list[Json]:
        parts = [{"number": number, "sha256": part.sha256} for number, part in page]
        return self.api.sign_parts(self.layout.image_id, parts, on_retry=self.on_retry)

    def _send(self, numbered: tuple[int, Slice], signed: Json) -> None:
        number, part = numbered
        if self._stopped.is_set():
            return
        current = signed

        def attempt() -> None:
            nonlocal current
            try:
                with _attempt(self.sent) as count:
                    response = check_bucket(
                        self.api.http.put(
                            current["url"],
                            content=part.stream(count),
                            headers={**current["headers"], "Content-Length": str(part.size)},
                        )
                    )
            except ExpiredError:
                (current,) = self._sign([numbered])
                raise
            self._etags[number] = response.headers["etag"].strip('"')

        self.api.retry(attempt, f"part {number} of {self.source.path.name} in the bucket", self.on_retry)


def _wait_until(futures: "set[Future[None]]", *, at_most: int) -> "set[Future[None]]":
    """Wait until at most ``at_most`` of ``futures`` are unfinished, and raise what any of them raised."""
    while len(futures) > at_most:
        done, futures = wait(futures, return_when="FIRST_COMPLETED")
        for future in done:
            future.result()
    return futures
