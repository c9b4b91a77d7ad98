"""What changes in a response on its way to the viewer: the response headers policy, conditional requests and ranges.

RFC 9110, sections 13 and 14.
"""

import dataclasses
import fnmatch
import re
from email.utils import parsedate_to_datetime
from functools import cache

import httpx

from infra.local.cloudfront.distribution import Cors, ResponseHeadersPolicy
from infra.local.cloudfront.exchange import Response, change_headers


def apply_policy(policy: ResponseHeadersPolicy, headers: httpx.Headers, origin: str | None) -> httpx.Headers:
    """Return ``headers`` after the policy was applied.

    Args:
        policy: the behavior's policy.
        headers: the response's headers.
        origin: the request's Origin header, if it has one.
    """
    overriding, defaults, removed = _changes(policy)
    changed = change_headers(headers, removed=removed, overriding=overriding, defaults=defaults)
    if policy.cors is not None:
        _apply_cors(policy.cors, changed, origin)
    return changed


@cache
def _changes(policy: ResponseHeadersPolicy) -> tuple[dict[bytes, bytes], dict[bytes, bytes], frozenset[bytes]]:
    """Return the headers that override, those that are added if absent, and those that are removed."""
    removed = frozenset(name.encode() for name in policy.removed)
    added = [(each.name.encode(), each.value.encode(), each.override) for each in policy.added]
    left = [each for each in added if each[0] not in removed]
    overriding = {name: value for name, value, override in left if override}
    return overriding, {name: value for name, value, override in left if not override}, removed


def _apply_cors(cors: Cors, headers: httpx.Headers, origin: str | None) -> None:
    # Observed on AWS (ttoss/ttoss pull request 1205): a policy with CORS settings manages Vary itself, and a Vary
    # among its custom headers is silently dropped.
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


_NARROWING = frozenset({b"if-none-match", b"if-modified-since", b"range"})
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
# What a 304 leaves out (RFC 9110, section 15.4.5).
_OF_THE_BODY = ("content-length", "content-type", "content-encoding", "content-range")


def narrow(response: Response, request: httpx.Headers) -> Response:
    """Return the 304, 206 or 416 that these request headers ask for, or ``response`` itself."""
    if response.status != 200 or not any(name.lower() in _NARROWING for name, _ in request.raw):
        return response
    if _is_unchanged(response.headers, request):
        headers = httpx.Headers([(n, v) for n, v in response.headers.multi_items() if n not in _OF_THE_BODY])
        return Response(304, headers)
    wanted = request.get("range")
    if wanted is None or not _range_applies(response.headers, request):
        return response
    return _part(response, wanted)


def _is_unchanged(headers: httpx.Headers, request: httpx.Headers) -> bool:
    if "if-none-match" in request:
        etag = headers.get("etag")
        tags = [tag.strip() for tag in request["if-none-match"].split(",")]
        return "*" in tags or (etag is not None and _weak(etag) in map(_weak, tags))
    modified, since = _date(headers.get("last-modified")), _date(request.get("if-modified-since"))
    return modified is not None and since is not None and modified <= since


def _range_applies(headers: httpx.Headers, request: httpx.Headers) -> bool:
    validator = request.get("if-range")
    if validator is None:
        return True
    if '"' in validator:
        return not validator.startswith("W/") and validator == headers.get("etag")
    return _date(validator) is not None and _date(validator) == _date(headers.get("last-modified"))


def _part(response: Response, wanted: str) -> Response:
    match, size = _RANGE.fullmatch(wanted.strip()), len(response.body)
    # Several ranges and other units may be ignored (section 14.2).
    if not match or not any(match.groups()):
        return response
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if first and last and int(last) < start:
        return response
    headers = httpx.Headers(response.headers)
    if start >= size or (not first and int(last) == 0):
        headers["content-range"] = f"bytes */{size}"
        return Response(416, headers)
    headers["content-range"] = f"bytes {start}-{end}/{size}"
    return dataclasses.replace(response, status=206, headers=headers, body=response.body[start : end + 1])


def _weak(tag: str) -> str:
    return tag.removeprefix("W/")


def _date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None
