"""Uploads of any number of files of any size, with bounded memory and connections, resumable after a kill."""

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from darkroom_client.api import Api, Focus, Json
from darkroom_client.errors import ClientError, RefusedError, StoppedError
from darkroom_client.files import Source
from darkroom_client.journal import Journal
from darkroom_client.transfer import Layout, PartsUpload, put_file

_PAGE_FACTOR = 2  # parts signed ahead per connection
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.BAD_REQUEST})


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that was uploaded."""

    path: Path
    image_id: str
    bytes: int
    seconds: float
    retries: int
    """Repeated attempts, over all requests."""
    parts_before: int = 0
    """Parts that had arrived in an earlier run."""
    before: bool = False
    """Whether an earlier run had uploaded the whole file."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be uploaded, and why."""

    path: Path
    error: Exception


class Observer(Protocol):
    """Follows the progress of uploads. Methods are called from several threads."""

    def started(self, source: Source) -> None:
        """Called when a file's upload starts."""

    def sent(self, source: Source, size: int) -> None:
        """Called with the bytes just sent; a negative number takes back those of a failed attempt."""

    def ended(self, source: Source) -> None:
        """Called when a file's upload has ended, with success or not."""


class _Unwatched:
    def started(self, source: Source) -> None: ...
    def sent(self, source: Source, size: int) -> None: ...
    def ended(self, source: Source) -> None: ...


class _Retries:
    """A thread-safe counter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def add(self) -> None:
        with self._lock:
            self.count += 1


class Uploader:
    """Uploads files for the tenant of one token.

    Args:
        api: the API; closed with the uploader.
        journal: records uploads, so that a later run can resume them; closed with the uploader.
        observer: follows the progress.
        files_at_once: files in progress.
        connections: parts in progress, of all files together.
    """

    def __init__(
        self,
        api: Api,
        *,
        journal: Journal | None = None,
        observer: Observer | None = None,
        files_at_once: int = 4,
        connections: int = 8,
    ) -> None:
        self.api = api
        self._journal = journal
        self._observer: Observer = observer or _Unwatched()
        self._files_at_once = files_at_once
        self._page = connections * _PAGE_FACTOR
        self._senders = ThreadPoolExecutor(connections, thread_name_prefix="part")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._senders.shutdown(wait=True, cancel_futures=True)
        self.api.close()
        if self._journal:
            self._journal.close()

    def upload(self, path: Path, *, private: bool = False, focus: Focus | None = None) -> Uploaded:
        """Upload one file, or resume its upload; crops of it keep ``focus`` in view.

        Raises:
            OSError, ChangedError: the file cannot be read as it was.
            RefusedError: the API or the bucket refused it.
            UnreachableError: every retry failed.
        """
        source = Source.of(path)
        self._observer.started(source)
        try:
            return self._upload(source, private=private, focus=focus)
        finally:
            self._observer.ended(source)

    def upload_all(
        self, paths: Iterable[Path], *, private: bool = False, focus: Focus | None = None
    ) -> Iterator[Uploaded | Failed]:
        """Upload files, several at a time, and yield each result as it is ready; a failure does not stop the others.

        If any failed, the same call again resumes those alone; if none did, the journal forgets this run.
        """
        remaining = iter(paths)
        failures = 0
        with ThreadPoolExecutor(self._files_at_once, thread_name_prefix="file") as files:
            in_flight: dict[Future[Uploaded], Path] = {}
            try:
                while True:
                    # Bounded, so that neither paths nor results of a folder of millions pile up.
                    for path in islice(remaining, 2 * self._files_at_once - len(in_flight)):
                        in_flight[files.submit(self.upload, path, private=private, focus=focus)] = path
                    if not in_flight:
                        break
                    done, _ = wait(in_flight, return_when="FIRST_COMPLETED")
                    for future in done:
                        result = _result(future, in_flight.pop(future))
                        failures += isinstance(result, Failed)
                        yield result
            except BaseException:
                self.stop()
                for future in in_flight:
                    future.cancel()
                raise
        if self._journal and not failures:
            self._journal.close_run()

    def stop(self) -> None:
        """End every upload soon, unfinished. What has arrived stays, and another run can resume it."""
        self.api.stopped.set()

    def _sent(self, source: Source, size: int) -> None:
        # Corrections of the count (negative) always pass.
        if self.api.stopped.is_set() and size > 0:
            raise StoppedError(f"{source.path.name} is not uploaded: the uploader was stopped")
        self._observer.sent(source, size)

    def _upload(self, source: Source, *, private: bool, focus: Focus | None) -> Uploaded:
        started, retries = time.monotonic(), _Retries()
        begun = self._begun(source, retries, private=private)
        if begun is not None and begun["state"] == "arrived":
            self._sent(source, source.bytes)
            self._note(source, begun["image_id"], private=private, done=True)
            return Uploaded(source.path, begun["image_id"], source.bytes, 0.0, retries.count, before=True)
        arrived = self._arrived(begun, retries) if begun else {}
        if begun is None:
            # Signed for these bytes, a small file's request takes no others.
            begun = self.api.create_upload(
                source.content_type,
                source.bytes,
                private=private,
                sha256=source.whole.sha256,
                focus=focus,
                on_retry=retries.add,
            )
            if begun["kind"] == "multipart":
                self._note(source, begun["image_id"], private=private, done=False)
        if begun["kind"] == "single":
            put_file(self.api, begun, source.whole, partial(self._sent, source), retries.add)
        else:
            self._send_parts(source, begun, arrived, retries)
        self._note(source, begun["image_id"], private=private, done=True)
        seconds = time.monotonic() - started
        return Uploaded(source.path, begun["image_id"], source.bytes, seconds, retries.count, len(arrived))

    def _send_parts(self, source: Source, begun: Json, arrived: dict[int, Json], retries: _Retries) -> None:
        page = min(self._page, begun["parts_per_page"])
        layout = Layout(begun["image_id"], begun["part_bytes"], begun["part_count"], page)
        upload = PartsUpload(self.api, self._senders, source, layout, partial(self._sent, source), retries.add)
        upload.run(arrived)

    def _begun(self, source: Source, retries: _Retries, *, private: bool) -> Json | None:
        """Return the state of this file's earlier upload if both sides know it and it can be resumed, or None."""
        entry = self._journal.find(source, private=private) if self._journal else None
        if entry is None:
            return None
        if entry.done:
            return {"image_id": entry.image_id, "state": "arrived"}
        try:
            return self.api.show_upload(entry.image_id, on_retry=retries.add)
        except RefusedError as error:
            if error.status not in _GONE:
                raise
            return None

    def _arrived(self, begun: Json, retries: _Retries) -> dict[int, Json]:
        parts, page = list(begun["parts"]), begun
        while page["next"] is not None:
            page = self.api.show_upload(begun["image_id"], after=page["next"], on_retry=retries.add)
            parts += page["parts"]
        return {part["number"]: part for part in parts}

    def _note(self, source: Source, image_id: str, *, private: bool, done: bool) -> None:
        if self._journal:
            self._journal.note(source, image_id, private=private, done=done)


def _result(future: Future[Uploaded], path: Path) -> Uploaded | Failed:
    try:
        return future.result()
    except (ClientError, OSError) as error:
        return Failed(path, error)
