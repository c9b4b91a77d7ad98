"""What a response headers policy makes of an answer's headers."""

import fnmatch
from functools import cache

import httpx

from infra.local.cloudfront.distribution import Cors, ResponseHeadersPolicy
from infra.local.cloudfront.exchange import change_headers


def apply_policy(policy: ResponseHeadersPolicy, headers: httpx.Headers, origin: str | None) -> httpx.Headers:
    """Return ``headers`` as the policy leaves them.

    Args:
        policy: the behavior's policy.
        headers: the answer's headers.
        origin: the request's Origin header, if it has one.
    """
    overriding, defaults, removed = _changes(policy)
    changed = change_headers(headers, removed=removed, overriding=overriding, defaults=defaults)
    if policy.cors is not None:
        _apply_cors(policy.cors, changed, origin)
    return changed


@cache
def _changes(policy: ResponseHeadersPolicy) -> tuple[dict[bytes, bytes], dict[bytes, bytes], frozenset[bytes]]:
    """Return what overrides, what stands in where nothing is, and what goes, which is removed in any case."""
    removed = frozenset(name.encode() for name in policy.removed)
    added = [(each.name.encode(), each.value.encode(), each.override) for each in policy.added]
    left = [each for each in added if each[0] not in removed]
    overriding = {name: value for name, value, override in left if override}
    return overriding, {name: value for name, value, override in left if not override}, removed


def _apply_cors(cors: Cors, headers: httpx.Headers, origin: str | None) -> None:
    # Observed on AWS (ttoss/ttoss pull request 1205): a policy with CORS settings manages Vary itself, and a Vary
    # among its custom headers is lost without a word.
    headers.pop("vary", None)
    if origin is None:
        headers["vary"] = "Origin"
        return
    if not any(fnmatch.fnmatchcase(origin, pattern) for pattern in cors.origins):
        return
    values = {
        "access-control-allow-origin": "*" if "*" in cors.origins and not cors.credentials else origin,
        "access-control-expose-headers": ", ".join(cors.exposed),
        "access-control-allow-credentials": "true" if cors.credentials else "",
    }
    for name, value in values.items():
        if value and (cors.override or name not in headers):
            headers[name] = value
