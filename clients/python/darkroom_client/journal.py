"""A record on disk of uploads begun and done, so that an interrupted run can be resumed."""

import sqlite3
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from darkroom_client.files import Source

_SCHEMA = """
CREATE TABLE IF NOT EXISTS uploads (
    api TEXT NOT NULL,
    path TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    private INTEGER NOT NULL,
    image_id TEXT NOT NULL,
    done INTEGER NOT NULL,
    run TEXT NOT NULL,
    PRIMARY KEY (api, path)
)
"""
_LOCK_SECONDS = 30  # for another process to finish writing


@dataclass(frozen=True, slots=True)
class Entry:
    """The upload of one file."""

    image_id: str
    done: bool


class Journal:
    """A journal in one SQLite file, for any number of files, threads and processes.

    Args:
        file: the SQLite file, created if missing.
        api: the API's address; a journal may serve several.
    """

    def __init__(self, file: Path, api: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._api = api.rstrip("/")
        self._run = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, timeout=_LOCK_SECONDS, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def find(self, source: Source, *, private: bool) -> Entry | None:
        """Return the upload of this file if it has not changed since, or None."""
        row = self._execute(
            "SELECT image_id, done FROM uploads"
            " WHERE api = ? AND path = ? AND bytes = ? AND modified_ns = ? AND private = ?",
            (self._api, _key(source), source.bytes, source.modified_ns, private),
        ).fetchone()
        return Entry(row[0], bool(row[1])) if row else None

    def note(self, source: Source, image_id: str, *, private: bool, done: bool) -> None:
        """Record that a file's upload is begun or done, replacing any earlier record."""
        self._execute(
            "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self._api, _key(source), source.bytes, source.modified_ns, private, image_id, done, self._run),
        )

    def close_run(self) -> None:
        """Forget the finished uploads of this run, so that the same files can be uploaded again."""
        self._execute("DELETE FROM uploads WHERE run = ? AND done", (self._run,))

    def _execute(self, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        with self._lock:
            return self._database.execute(statement, values)


def _key(source: Source) -> str:
    return str(source.path.resolve())
