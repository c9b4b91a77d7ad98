"""The edge's cache: answers on disk, bounded in bytes, the least recently used out first.

What is asked for all the time is also held in memory, for the time that it stands on disk.
"""

import fnmatch
import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cachetools
import diskcache
import httpx

from infra.local.cloudfront.cache_key import path_of
from infra.local.cloudfront.exchange import Answer
from infra.local.cloudfront.freshness import Lifetime

DEFAULT_SIZE_BYTES = 2 * 1024**3
_IN_MEMORY = 1 / 16  # of the bound on disk
_MOST_UNRECORDED = 1000


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer in the cache. ``kept_at`` is in seconds since the epoch, ``age`` its age when it came."""

    answer: Answer
    kept_at: float
    age: float
    lifetime: Lifetime

    def age_at(self, now: float) -> float:
        """Return its age in seconds at ``now``."""
        return max(now - self.kept_at, 0) + self.age

    def is_fresh(self, now: float) -> bool:
        """Tell whether it may be served as it is."""
        return now - self.kept_at < self.lifetime.fresh

    def is_served_while_revalidated(self, now: float) -> bool:
        """Tell whether it may be served, stale, while a request refreshes it."""
        return now - self.kept_at < self.lifetime.fresh + self.lifetime.stale_while_revalidate

    def is_served_on_error(self, now: float) -> bool:
        """Tell whether it may be served, stale, where the origin fails."""
        return now - self.kept_at < self.lifetime.fresh + self.lifetime.stale_if_error


@dataclass(frozen=True, slots=True)
class _Held:
    """An answer in memory, until the same moment (seconds since the epoch) as on disk."""

    kept: KeptAnswer
    expires: float

    @property
    def bytes(self) -> int:
        answer = self.kept.answer
        return len(answer.body) + sum(len(name) + len(value) for name, value in answer.headers.raw)


class AnswerCache:
    """Answers by cache key. What it holds survives a restart of the edge.

    Threads may share it: invalidations go through all of it in a thread of their own.
    """

    def __init__(self, folder: Path, size_bytes: int = DEFAULT_SIZE_BYTES, tag_header: str | None = None) -> None:
        """``tag_header`` is the origin's header with an answer's cache tags, if the distribution names one."""
        self._tag_header = tag_header
        in_memory = size_bytes * _IN_MEMORY
        self._memory: cachetools.LRUCache[str, _Held] = cachetools.LRUCache(in_memory, lambda held: held.bytes)
        # Keys that were used since the disk was last told, the latest last.
        self._unrecorded: dict[str, None] = {}
        self._lock = threading.RLock()  # of the two above
        self._disk: Any = diskcache.Cache(
            str(folder), size_limit=size_bytes, eviction_policy="least-recently-used", statistics=0
        )

    def find(self, key: str) -> KeptAnswer | None:
        """Return what is kept under ``key``, fresh or stale."""
        with self._lock:
            held = self._memory.get(key)
            if held is not None and held.expires > time.time():
                self._unrecorded.pop(key, None)
                self._unrecorded[key] = None
                if len(self._unrecorded) > _MOST_UNRECORDED:
                    self._record_use()
            else:
                held = self._read(key)
                self._hold(key, held)
        return held.kept if held else None

    def _read(self, key: str) -> _Held | None:
        stored, expires = self._disk.get(key, expire_time=True)
        if stored is None:
            return None
        status, headers, body, kept_at, age, lifetime = stored
        kept = KeptAnswer(Answer(status, httpx.Headers(headers), body), kept_at, age, Lifetime(*lifetime))
        return _Held(kept, expires)

    def _hold(self, key: str, held: _Held | None) -> None:
        self._memory.pop(key, None)
        if held is not None and held.bytes <= self._memory.maxsize:
            self._memory[key] = held

    def _record_use(self) -> None:
        """Tell the disk what was served from memory: what it drops is chosen by that."""
        with self._lock:
            used, self._unrecorded = self._unrecorded, {}
        with self._disk.transact(retry=True):
            for key in used:
                self._disk.get(key)

    def keep(self, key: str, kept: KeptAnswer) -> None:
        """Keep an answer for its whole lifetime."""
        life = kept.lifetime
        stored = (
            kept.answer.status,
            kept.answer.headers.multi_items(),
            kept.answer.body,
            kept.kept_at,
            kept.age,
            (life.fresh, life.stale_while_revalidate, life.stale_if_error),
        )
        self._record_use()  # before the disk may have to drop something
        with self._lock:
            self._disk.set(key, stored, expire=life.total)
            self._hold(key, _Held(kept, time.time() + life.total))

    def forget(self, key: str) -> None:
        """Drop what is kept under ``key``."""
        self._drop(key)

    def invalidate(self, patterns: list[str], *, kept_before: float = math.inf) -> int:
        """Drop the answers that one of ``patterns`` names and that were kept before that moment (epoch seconds).

        A pattern is a path, at whose end ``*`` may stand as in CloudFront's, or ``#`` and a cache tag.

        Returns:
            How many answers were dropped.
        """
        paths = [unquote(pattern) for pattern in patterns if not pattern.startswith("#")]
        tags = {pattern[1:].lower() for pattern in patterns if pattern.startswith("#")}
        dropped = 0
        with self._lock:
            in_memory = set(self._memory)
        for key in in_memory.union(self._disk.iterkeys()):
            path = unquote(path_of(key))
            named = any(fnmatch.fnmatchcase(path, pattern) for pattern in paths)
            with self._lock:
                held = (self._read(key) or self._memory.get(key)) if named or tags else None
            if held and held.kept.kept_at < kept_before and (named or tags & self._tags(held.kept.answer)):
                dropped += self._drop(key)
        return dropped

    def _drop(self, key: str) -> bool:
        with self._lock:
            self._unrecorded.pop(key, None)
            held = self._memory.pop(key, None)
            return bool(self._disk.delete(key)) or held is not None

    def _tags(self, answer: Answer) -> set[str]:
        value = answer.headers.get(self._tag_header, "") if self._tag_header else ""
        return {tag.strip().lower() for tag in value.split(",") if tag.strip()}

    def __len__(self) -> int:
        return len(self._disk)

    def close(self) -> None:
        """Close the files."""
        self._record_use()
        self._disk.close()
