"""Bytes to the bucket: a small file as one form post, a large one as parts in parallel."""

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from darkroom_client.api import Api, Json
from darkroom_client.errors import ExpiredError, TransientError, check_bucket
from darkroom_client.files import Sent, Slice, Source

_MD5_LENGTH = 32  # an ETag of another length is not an MD5 of the bytes


def post_file(api: Api, form: Json, whole: Slice, sent: Sent, on_retry: Callable[[], None]) -> None:
    """Post ``whole`` with a presigned ``form``, and compare the MD5 that S3 returns with the file's.

    Raises:
        UnreachableError, RefusedError: the upload failed.
        OSError: the file cannot be read.
    """

    def attempt() -> None:
        with _attempt(sent) as count, _CountingFile(whole, count) as file:
            response = check_bucket(
                api.http.post(
                    form["url"],
                    data=form["fields"],
                    files={"file": ("file", file, whole.source.content_type)},
                )
            )
            _verify(response.headers, whole)

    api.retry(attempt, f"{whole.source.path.name} in the bucket", on_retry)


def _verify(headers: Mapping[str, str], whole: Slice) -> None:
    etag = headers.get("etag", "").strip('"')
    is_kms = "kms" in headers.get("x-amz-server-side-encryption", "")  # its ETag is no MD5
    if len(etag) == _MD5_LENGTH and not is_kms and etag != whole.md5:
        raise TransientError(f"expected MD5 {whole.md5} in the bucket but received {etag}: damaged on the way")


class _CountingFile(io.FileIO):
    """A file that reports how much of it is read."""

    def __init__(self, whole: Slice, sent: Sent) -> None:
        super().__init__(whole.source.path, "rb")
        self._sent = sent

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(-1 if size is None else size) or b""
        self._sent(len(chunk))
        return chunk


@contextmanager
def _attempt(sent: Sent) -> Iterator[Sent]:
    """Count bytes as they are sent, and take them back if the attempt fails."""
    total = 0

    def count(size: int) -> None:
        nonlocal total
        total += size
        sent(size)

    try:
        yield count
    except BaseException:
        sent(-total)
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
