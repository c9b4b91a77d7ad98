"""A viewer's request and the response to it, as they pass through the edge."""

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import Literal

import httpx

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_BREAKING = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

ResultType = Literal[
    "Hit",
    "RefreshHit",
    "Miss",
    "Error",
    "FunctionGeneratedResponse",
    "FunctionExecutionError",
    "FunctionValidationError",
    "LambdaGeneratedResponse",
    "LambdaExecutionError",
    "LambdaLimitExceeded",
    "LambdaValidationError",
]
"""What ``X-Cache`` and the access log call the way in which a response came about."""


@dataclass(frozen=True, slots=True)
class ViewerRequest:
    """A request; path and query percent-encoded as they came, query without its question mark."""

    method: str
    path: str
    query: str
    headers: httpx.Headers
    client_ip: str
    client_port: int = 0
    received_bytes: int = field(default=0, compare=False)
    http_version: str = "1.1"


@dataclass(frozen=True, slots=True)
class Response:
    """A response with its whole body."""

    status: int
    headers: httpx.Headers
    body: bytes = b""

    @property
    def sent_bytes(self) -> int:
        """Bytes on the wire: status line, headers and body."""
        line = len(f"HTTP/1.1 {self.status} {reason(self.status)}\r\n")
        return line + sum(len(name) + len(value) + 4 for name, value in self.headers.raw) + 2 + len(self.body)


def to_headers(pairs: Iterable[tuple[str, str]]) -> httpx.Headers:
    """Return headers of any text; non-ASCII text is sent as UTF-8.

    Raises:
        ValueError: a name or value would break the message.
    """
    return httpx.Headers([_encoded(name, value) for name, value in pairs])


# A few browsers send the same headers over and over.
@lru_cache(maxsize=4096)
def _encoded(name: str, value: str) -> tuple[bytes, bytes]:
    if not _HEADER_NAME.fullmatch(name) or _BREAKING.search(value):
        raise ValueError(f"expected a header but received {name[:80]!r}: {value[:80]!r}")
    return name.encode("ascii"), value.encode("utf-8", "replace")


def change_headers(
    headers: httpx.Headers,
    *,
    removed: AbstractSet[bytes] = frozenset(),
    overriding: Mapping[bytes, bytes] | None = None,
    defaults: Mapping[bytes, bytes] | None = None,
) -> httpx.Headers:
    """Return ``headers`` without those ``removed``, with those ``overriding``, and the ``defaults`` that are absent.

    Names are in lower case. In one pass: each single change of an ``httpx.Headers`` copies them all.
    """
    overriding, raw = overriding or {}, headers.raw
    kept = [(name, value) for name, value in raw if name.lower() not in overriding and name.lower() not in removed]
    if defaults:
        present = {name.lower() for name, _ in raw}
        kept += [(name, value) for name, value in defaults.items() if name not in present]
    return httpx.Headers([*kept, *overriding.items()])


def reason(status: int) -> str:
    """Return the phrase that belongs to ``status``, or an empty string for an unknown code."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def error_page(status: int, explanation: str) -> Response:
    """Return the page with which CloudFront itself responds with ``status``."""
    title = "ERROR: The request could not be satisfied"
    body = (
        f"<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n"
        f"<body><h1>{status} ERROR</h1><h2>The request could not be satisfied.</h2>\n<p>{explanation}</p></body>\n"
        "</html>\n"
    )
    return Response(status, httpx.Headers({"content-type": "text/html"}), body.encode())
