"""What a cache policy decides: the key of a response, and how long it may be kept and served.

Rules of freshness: CloudFront guide, "Manage how long content stays in the cache".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

import httpx

from infra.local.cloudfront.distribution import DEFAULT_ERROR_SECONDS, CachePolicy
from infra.local.cloudfront.exchange import ViewerRequest

_PATH_END = "\n"


def cache_key(policy: CachePolicy, request: ViewerRequest) -> str:
    """Return the key of ``request``: its path, then what else ``policy`` includes."""
    if policy.takes_path_alone:
        return request.path + _PATH_END
    taken: dict[str, object] = {
        "headers": dict(sorted(forwarded_headers(policy, request).items())),
        "cookies": sorted(pair for pair in _cookies(request) if policy.cookies.takes(pair[0])),
        "query": sorted(pair for pair in _parameters(request) if policy.query.takes(pair[0])),
        "encodings": [e for e in policy.encodings if e in request.headers.get("accept-encoding", "").lower()],
    }
    rest = {name: value for name, value in taken.items() if value}
    return request.path + _PATH_END + (json.dumps(rest) if rest else "")


def forwarded_query(policy: CachePolicy, request: ViewerRequest) -> str:
    """Return the query string that goes on to the origin: the parameters that are in the key."""
    pairs = (part for part in request.query.split("&") if part)
    return "&".join(part for part in pairs if policy.query.takes(unquote(part.partition("=")[0])))


def forwarded_headers(policy: CachePolicy, request: ViewerRequest) -> dict[str, str]:
    """Return the request's headers that go on to the origin: those that are in the key, if they are ASCII."""
    return {name: value for name, value in request.headers.items() if policy.headers.takes(name) and value.isascii()}


def path_of(key: str) -> str:
    """Return the path that ``key`` begins with."""
    return key.partition(_PATH_END)[0]


def _parameters(request: ViewerRequest) -> list[tuple[str, str]]:
    parts = (part.partition("=") for part in request.query.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in parts]


def _cookies(request: ViewerRequest) -> list[tuple[str, str]]:
    parts = (part.strip().partition("=") for part in request.headers.get("cookie", "").split(";"))
    return [(name, value) for name, equals, value in parts if equals]


# Ten digits are enough: MaxTTL bounds the value (RFC 9111, section 1.2.2).
_SECONDS = re.compile(r"0*(\d{1,10})\d*", re.ASCII)
_CACHED_ERRORS = frozenset({404, 414, 500, 501, 502, 503, 504})
_CACHED_IF_SAID = frozenset({400, 403, 405, 412, 415})


@dataclass(frozen=True, slots=True)
class Lifetime:
    """For how many seconds a response is fresh, then stale while revalidated, and stale (from then too) on errors."""

    fresh: float
    stale_while_revalidate: float = 0
    stale_if_error: float = 0

    @property
    def total(self) -> float:
        """Seconds after which the response may not be served at all."""
        return self.fresh + max(self.stale_while_revalidate, self.stale_if_error)


NOT_KEPT = Lifetime(0)


def lifetime(status: int, headers: httpx.Headers, policy: CachePolicy, error_seconds: Mapping[int, int]) -> Lifetime:
    """Return for how long an origin's response may be kept.

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
