"""How long an answer may be kept and served (CloudFront guide, "Manage how long content stays in the cache")."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from infra.local.cloudfront.distribution import DEFAULT_ERROR_SECONDS, CachePolicy

# Of more digits the first ten are enough: MaxTTL is what bounds them (RFC 9111, section 1.2.2).
_SECONDS = re.compile(r"0*(\d{1,10})\d*", re.ASCII)
_CACHED_ERRORS = frozenset({404, 414, 500, 501, 502, 503, 504})
_CACHED_IF_SAID = frozenset({400, 403, 405, 412, 415})


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Seconds: fresh, then stale while one request refreshes it, and stale (from the same moment) on errors."""

    fresh: float
    stale_while_revalidate: float = 0
    stale_if_error: float = 0

    @property
    def total(self) -> float:
        """Seconds after which the answer is of no use at all."""
        return self.fresh + max(self.stale_while_revalidate, self.stale_if_error)


NOT_KEPT = Lifetime(0)


def lifetime(status: int, headers: httpx.Headers, policy: CachePolicy, error_seconds: Mapping[int, int]) -> Lifetime:
    """Return how long an origin's answer lives.

    Args:
        status: its status.
        headers: its headers.
        policy: bounds what the headers say; its MaxTTL bounds the stale windows too.
        error_seconds: the distribution's ErrorCachingMinTTL by status.
    """
    directives = cache_control(headers)
    if status >= 400:
        return _error_lifetime(status, headers, directives, policy, error_seconds)
    if directives.keys() & {"no-store", "no-cache", "private"}:
        return Lifetime(policy.min_seconds)
    said = _said_seconds(headers, directives)
    fresh = policy.default_seconds if said is None else min(said, policy.max_seconds)
    fresh = max(fresh, policy.min_seconds)
    left = max(policy.max_seconds - fresh, 0)
    return Lifetime(
        fresh,
        min(_seconds(directives.get("stale-while-revalidate")) or 0, left),
        min(_seconds(directives.get("stale-if-error")) or 0, left),
    )


def cache_control(headers: httpx.Headers) -> dict[str, str]:
    """Return the directives of Cache-Control by lower-case name, without quotes; a bare one is empty."""
    parts = (part.strip().partition("=") for part in headers.get("cache-control", "").split(","))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in parts if name}


def _error_lifetime(
    status: int,
    headers: httpx.Headers,
    directives: Mapping[str, str],
    policy: CachePolicy,
    error_seconds: Mapping[int, int],
) -> Lifetime:
    forbidden = bool(directives.keys() & {"no-store", "no-cache", "private"})
    said = None if forbidden else _said_seconds(headers, directives)
    if status not in _CACHED_ERRORS and not (status in _CACHED_IF_SAID and said is not None):
        return NOT_KEPT
    least = error_seconds.get(status, DEFAULT_ERROR_SECONDS)
    return Lifetime(max(least, min(said or 0, policy.max_seconds)))


def _said_seconds(headers: httpx.Headers, directives: Mapping[str, str]) -> int | None:
    for name in ("s-maxage", "max-age"):
        if (seconds := _seconds(directives.get(name))) is not None:
            return seconds
    try:
        expires = parsedate_to_datetime(headers["expires"])
        return max(int((expires - parsedate_to_datetime(headers["date"])).total_seconds()), 0)
    except (KeyError, ValueError, TypeError):
        return None


def _seconds(text: str | None) -> int | None:
    match = _SECONDS.fullmatch(text or "")
    return int(match[1]) if match else None
