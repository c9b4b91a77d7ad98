"""A large file in parts: several at a time, each retried by itself, those that have arrived left out."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from itertools import islice

from darkroom_client.api import Api, Json
from darkroom_client.errors import ExpiredError, check_bucket
from darkroom_client.source import Sent, Slice, Source
from darkroom_client.tally import Tally


@dataclass(frozen=True, slots=True)
class Layout:
    """How the API wants a file cut."""

    image_id: str
    part_bytes: int
    part_count: int
    page: int
    """Parts signed in one request."""


@dataclass
class PartsUpload:
    """One file's upload in parts.

    Args:
        api: where parts are signed.
        executor: sends parts; shared by all files, which bounds the connections.
        source: the file.
        layout: how it is cut.
        sent: told of bytes as they are sent, those that had arrived before included.
        on_retry: told of each attempt after the first.
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
        """Send every part that has not ``arrived`` as it is in the file, and complete the upload.

        Raises:
            UnreachableError, RefusedError: a part, or the completion, did not get through.
            OSError, ChangedError: the file cannot be read as it was.
        """
        missing = self._missing(arrived)
        under_way: set[Future[None]] = set()
        try:
            # A page is hashed and signed while the one before it is sent.
            while page := list(islice(missing, self.layout.page)):
                signed = self._sign(page)
                under_way |= {
                    self.executor.submit(self._send, part, answer) for part, answer in zip(page, signed, strict=True)
                }
                under_way = _settle(under_way, at_most=self.layout.page)
            _settle(under_way, at_most=0)
        except BaseException:
            self._stopped.set()
            for future in under_way:
                future.cancel()
            wait(under_way)
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
        wanted = [{"number": number, "sha256": part.sha256} for number, part in page]
        return self.api.sign_parts(self.layout.image_id, wanted, on_retry=self.on_retry)

    def _send(self, numbered: tuple[int, Slice], signed: Json) -> None:
        number, part = numbered
        if self._stopped.is_set():
            return
        current = signed

        def attempt() -> None:
            nonlocal current
            try:
                with Tally(self.sent) as tally:
                    answer = check_bucket(
                        self.api.http.put(
                            current["url"],
                            content=part.stream(tally.add),
                            headers={**current["headers"], "Content-Length": str(part.size)},
                        )
                    )
            except ExpiredError:
                (current,) = self._sign([numbered])
                raise
            self._etags[number] = answer.headers["etag"].strip('"')

        self.api.insist(attempt, f"part {number} of {self.source.path.name} in the bucket", self.on_retry)


def _settle(futures: "set[Future[None]]", *, at_most: int) -> "set[Future[None]]":
    """Wait until at most ``at_most`` of ``futures`` are under way, and raise what any of them raised."""
    while len(futures) > at_most:
        done, futures = wait(futures, return_when="FIRST_COMPLETED")
        for future in done:
            future.result()
    return futures
