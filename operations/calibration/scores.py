"""SSIMULACRA2 of derivatives, each computed once: a score depends on the original, the rung and the bytes alone."""

from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from diskcache import Cache

from operations.calibration.photographs import CHECKOUT, Photograph
from operations.calibration.quality import Reference, decoded

CACHE = CHECKOUT / "build" / "calibration" / "measurements"


def open_cache(folder: Path = CACHE) -> Cache:
    """Open what has been measured before; processes may share it."""
    return Cache(folder, size_limit=2**30, eviction_policy="none")


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
