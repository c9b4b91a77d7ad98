"""SSIMULACRA2 of derivatives, each computed once: a score depends on the original, the rung and the bytes alone."""

import json
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from operations.calibration.photographs import CHECKOUT, Photograph
from operations.calibration.quality import Reference, decoded

CACHE = CHECKOUT / "build" / "calibration" / "measurements"


class Cache:
    """Measurements by key, as JSON in an SQLite file; processes may share it. A context manager, which closes it."""

    def __init__(self, folder: Path = CACHE) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "measurements.sqlite3", timeout=60, isolation_level=None)
        self._database.execute("CREATE TABLE IF NOT EXISTS measurements (key TEXT PRIMARY KEY, value TEXT NOT NULL)")

    def get(self, key: str) -> Any:
        """Return the value of ``key``, or None."""
        row = self._database.execute("SELECT value FROM measurements WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set(self, key: str, value: Any) -> None:
        """Keep a JSON value under ``key``."""
        self._database.execute("INSERT OR REPLACE INTO measurements VALUES (?, ?)", (key, json.dumps(value)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._database.close()


def score(
    cache: Cache, photograph: Photograph, rung: int, derivative: bytes, expected: Callable[[], Reference]
) -> float:
    """Return the SSIMULACRA2 of ``derivative``; ``expected`` is asked for its reference if it is not known."""
    parts = (photograph.digest, str(rung), sha256(derivative).hexdigest(), *map(version, ("ssimulacra2", "pillow")))
    key = f"score {sha256(' '.join(parts).encode()).hexdigest()}"
    known: float | None = cache.get(key)
    if known is None:
        known = expected().ssimulacra2(decoded(derivative))
        cache.set(key, known)
    return known
