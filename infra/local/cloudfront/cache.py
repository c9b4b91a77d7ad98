"""The edge's cache: responses on disk, bounded in bytes, the least recently used dropped first.

Answers that are requested often are held in memory too, until the disk drops them.
"""

import fnmatch
import json
import math
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import cachetools
import httpx

from infra.local.cloudfront.cache_policy import Lifetime, path_of
from infra.local.cloudfront.exchange import Response

DEFAULT_SIZE_BYTES = 2 * 1024**3
_IN_MEMORY = 1 / 16  # of the bound on disk
_MOST_UNRECORDED = 1000

# `size` is in bytes; `used` grows with each use. Triggers keep the total, so it is right for every process.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY, size INTEGER NOT NULL, used INTEGER NOT NULL, expires REAL NOT NULL,
    status INTEGER NOT NULL, kept_at REAL NOT NULL, age REAL NOT NULL, lifetime TEXT NOT NULL,
    headers TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_use ON responses (used);
CREATE INDEX IF NOT EXISTS by_expiry ON responses (expires);
CREATE TABLE IF NOT EXISTS total (id INTEGER PRIMARY KEY CHECK (id = 0), bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO total VALUES (0, 0);
CREATE TRIGGER IF NOT EXISTS added AFTER INSERT ON responses
    BEGIN UPDATE total SET bytes = bytes + new.size; END;
CREATE TRIGGER IF NOT EXISTS dropped AFTER DELETE ON responses
    BEGIN UPDATE total SET bytes = bytes - old.size; END;
"""


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """A response in the cache. ``kept_at`` is in seconds since the epoch, ``age`` its age when it came."""

    response: Response
    kept_at: float
    age: float
    lifetime: Lifetime

    def age_at(self, now: float) -> float:
        """Return its age in seconds at ``now``."""
        return max(now - self.kept_at, 0) + self.age

    def is_fresh(self, now: float) -> bool:
        """Return whether it may be served without asking the origin."""
        return now - self.kept_at < self.lifetime.fresh

    def is_served_while_revalidated(self, now: float) -> bool:
        """Return whether it may be served, stale, while a request refreshes it."""
        return now - self.kept_at < self.lifetime.fresh + self.lifetime.stale_while_revalidate

    def is_served_on_error(self, now: float) -> bool:
        """Return whether it may be served, stale, if the origin fails."""
        return now - self.kept_at < self.lifetime.fresh + self.lifetime.stale_if_error


@dataclass(frozen=True, slots=True)
class _Held:
    """A response in memory, until the same moment (seconds since the epoch) as on disk."""

    kept: CachedResponse
    expires: float

    @property
    def bytes(self) -> int:
        response = self.kept.response
        return len(response.body) + sum(len(name) + len(value) for name, value in response.headers.raw)


class _Disk:
    """The responses on disk, in one SQLite file. Threads and processes may share it."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._size_bytes = size_bytes
        self._lock = threading.RLock()
        self._database = sqlite3.connect(
            folder / "responses.sqlite3", timeout=60, isolation_level=None, check_same_thread=False
        )
        # What is lost when the machine stops is fetched again.
        self._database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SCHEMA}")

    def read(self, key: str) -> _Held | None:
        with self._lock:
            row = self._database.execute(
                "SELECT expires, status, kept_at, age, lifetime, headers, body FROM responses"
                " WHERE key = ? AND expires > ?",
                (key, time.time()),
            ).fetchone()
        if row is None:
            return None
        expires, status, kept_at, age, lifetime, headers, body = row
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in json.loads(headers)]
        response = Response(status, httpx.Headers(raw), body)
        return _Held(CachedResponse(response, kept_at, age, Lifetime(*json.loads(lifetime))), expires)

    def write(self, key: str, held: _Held) -> None:
        """Keep a response, and drop what no longer fits: the expired, then the least recently used."""
        kept, life = held.kept, held.kept.lifetime
        headers = json.dumps([(n.decode("latin-1"), v.decode("latin-1")) for n, v in kept.response.headers.raw])
        lifetime = json.dumps((life.fresh, life.stale_while_revalidate, life.stale_if_error))
        size = len(key) + len(headers) + len(kept.response.body)
        with self._transaction() as database:
            database.execute("DELETE FROM responses WHERE key = ?", (key,))
            database.execute(
                "INSERT INTO responses"
                " SELECT ?, ?, coalesce(max(used), 0) + 1, ?, ?, ?, ?, ?, ?, ? FROM responses",
                (key, size, held.expires, kept.response.status, kept.kept_at, kept.age, lifetime, headers,
                 kept.response.body),
            )  # fmt: skip
            if self._excess() > 0:
                database.execute("DELETE FROM responses WHERE expires <= ?", (time.time(),))
            while self._excess() > 0:
                database.execute("DELETE FROM responses WHERE used = (SELECT min(used) FROM responses)")

    def record_use(self, keys: Iterable[str]) -> None:
        """Note that ``keys`` were used, the last of them last."""
        with self._transaction() as database:
            (last,) = database.execute("SELECT coalesce(max(used), 0) FROM responses").fetchone()
            database.executemany(
                "UPDATE responses SET used = ? WHERE key = ?",
                [(last + place, key) for place, key in enumerate(keys, 1)],
            )

    def delete(self, key: str) -> bool:
        """Drop the response of ``key``; return whether there was one."""
        with self._lock:
            return self._database.execute("DELETE FROM responses WHERE key = ?", (key,)).rowcount > 0

    def keys(self) -> set[str]:
        with self._lock:
            return {key for (key,) in self._database.execute("SELECT key FROM responses")}

    def __len__(self) -> int:
        with self._lock:
            return int(self._database.execute("SELECT count(*) FROM responses").fetchone()[0])

    def close(self) -> None:
        with self._lock:
            self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._database as database:  # which commits, or rolls back
            database.execute("BEGIN IMMEDIATE")
            yield database

    def _excess(self) -> int:
        return int(self._database.execute("SELECT bytes FROM total").fetchone()[0]) - self._size_bytes


class ResponseCache:
    """Answers by cache key. Its content survives a restart of the edge.

    Threads may share it: invalidations go through all of it in a thread of their own.
    """

    def __init__(self, folder: Path, size_bytes: int = DEFAULT_SIZE_BYTES, tag_header: str | None = None) -> None:
        """``tag_header`` is the origin's header with a response's cache tags, if the distribution names one."""
        self._tag_header = tag_header
        in_memory = size_bytes * _IN_MEMORY
        self._memory: cachetools.LRUCache[str, _Held] = cachetools.LRUCache(in_memory, lambda held: held.bytes)
        # Keys that were used since the last note on disk, the latest last.
        self._unrecorded: dict[str, None] = {}
        self._lock = threading.RLock()  # of the two above
        self._disk = _Disk(folder, size_bytes)

    def find(self, key: str) -> CachedResponse | None:
        """Return what is kept under ``key``, fresh or stale."""
        with self._lock:
            held = self._memory.get(key)
            if held is None or held.expires <= time.time():
                held = self._disk.read(key)
                self._hold(key, held)
            if held is None:
                return None
            self._unrecorded.pop(key, None)
            self._unrecorded[key] = None
            if len(self._unrecorded) > _MOST_UNRECORDED:
                self._record_use()
            return held.kept

    def _hold(self, key: str, held: _Held | None) -> None:
        self._memory.pop(key, None)
        if held is not None and held.bytes <= self._memory.maxsize:
            self._memory[key] = held

    def _record_use(self) -> None:
        """Note on disk what was served since the last time: it decides what is dropped."""
        with self._lock:
            used, self._unrecorded = self._unrecorded, {}
            if used:
                self._disk.record_use(used)

    def keep(self, key: str, kept: CachedResponse) -> None:
        """Keep a response for its whole lifetime."""
        held = _Held(kept, time.time() + kept.lifetime.total)
        with self._lock:
            self._record_use()  # before the disk may have to drop something
            self._disk.write(key, held)
            self._hold(key, held)

    def forget(self, key: str) -> None:
        """Drop what is kept under ``key``."""
        self._drop(key)

    def invalidate(self, patterns: list[str], *, kept_before: float = math.inf) -> int:
        """Drop the responses that one of ``patterns`` names and that were kept before that moment (epoch seconds).

        A pattern is a path, with a ``*`` at its end or without as CloudFront has it, or ``#`` and a cache tag.

        Returns:
            How many responses were dropped.
        """
        paths = [unquote(pattern) for pattern in patterns if not pattern.startswith("#")]
        tags = {pattern[1:].lower() for pattern in patterns if pattern.startswith("#")}
        dropped = 0
        with self._lock:
            in_memory = set(self._memory)
        for key in in_memory | self._disk.keys():
            path = unquote(path_of(key))
            named = any(fnmatch.fnmatchcase(path, pattern) for pattern in paths)
            with self._lock:
                held = (self._disk.read(key) or self._memory.get(key)) if named or tags else None
            if held and held.kept.kept_at < kept_before and (named or tags & self._tags(held.kept.response)):
                dropped += self._drop(key)
        return dropped

    def _drop(self, key: str) -> bool:
        with self._lock:
            self._unrecorded.pop(key, None)
            held = self._memory.pop(key, None)
            return self._disk.delete(key) or held is not None

    def _tags(self, response: Response) -> set[str]:
        value = response.headers.get(self._tag_header, "") if self._tag_header else ""
        return {tag.strip().lower() for tag in value.split(",") if tag.strip()}

    def __len__(self) -> int:
        return len(self._disk)

    def close(self) -> None:
        """Close the files."""
        self._record_use()
        self._disk.close()
