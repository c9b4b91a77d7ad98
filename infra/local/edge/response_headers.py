"""What a response headers policy makes of an answer's headers."""

import fnmatch

import httpx

from infra.local.edge.distribution import Cors, ResponseHeadersPolicy


def apply_policy(policy: ResponseHeadersPolicy, headers: httpx.Headers, origin: str | None) -> httpx.Headers:
    """Return ``headers`` as the policy leaves them.

    Args:
        policy: the behavior's policy.
        headers: the answer's headers.
        origin: the request's Origin header, if it has one.
    """
    changed = httpx.Headers(headers)
    for header in policy.added:
        if header.override or header.name not in changed:
            changed[header.name] = header.value
    for name in policy.removed:
        changed.pop(name, None)
    if policy.cors is not None:
        _apply_cors(policy.cors, changed, origin)
    return changed


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
