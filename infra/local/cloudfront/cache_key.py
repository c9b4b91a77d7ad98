"""The cache key: what of a request tells one cached answer from another."""

import json
from urllib.parse import unquote

from infra.local.cloudfront.distribution import CachePolicy
from infra.local.cloudfront.exchange import ViewerRequest

_PATH_END = "\n"


def cache_key(policy: CachePolicy, request: ViewerRequest) -> str:
    """Return the key of ``request``: its path, then whatever else ``policy`` takes in."""
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
