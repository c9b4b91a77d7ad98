"""What was begun and what is done, on disk: after a kill, the same command goes on where it stopped."""

import sqlite3
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from darkroom_client.source import Source

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
_WAIT_SECONDS = 30  # for another process that writes


@dataclass(frozen=True, slots=True)
class Entry:
    """One file's upload."""

    image_id: str
    done: bool


class Journal:
    """A journal in one SQLite file, for any number of files, threads and processes."""

    def __init__(self, file: Path, api: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._api = api
        self._run = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, timeout=_WAIT_SECONDS, check_same_thread=False, isolation_level=None)
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
        """Return the upload of this very file, unchanged since; None if there is none."""
        row = self._execute(
            "SELECT image_id, done FROM uploads"
            " WHERE api = ? AND path = ? AND bytes = ? AND modified_ns = ? AND private = ?",
            (self._api, _key(source), source.bytes, source.modified_ns, private),
        ).fetchone()
        return Entry(row[0], bool(row[1])) if row else None

    def note(self, source: Source, image_id: str, *, private: bool, done: bool) -> None:
        """Write that a file's upload is begun, or done, over what was known of the file."""
        self._execute(
            "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self._api, _key(source), source.bytes, source.modified_ns, private, image_id, done, self._run),
        )

    def forget(self, source: Source) -> None:
        """Forget a file."""
        self._execute("DELETE FROM uploads WHERE api = ? AND path = ?", (self._api, _key(source)))

    def close_run(self) -> None:
        """Forget what this run found done: the same files, named again, are new uploads."""
        self._execute("DELETE FROM uploads WHERE run = ? AND done", (self._run,))

    def _execute(self, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        with self._lock:
            return self._database.execute(statement, values)


def _key(source: Source) -> str:
    return str(source.path.resolve())
