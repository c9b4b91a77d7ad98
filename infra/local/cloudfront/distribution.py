"""A distribution as the edge serves it: origins, cache behavior, policies and functions, without AWS's wrappers."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from infra.local.cloudfront.functions import FunctionCode

Selection = Literal["none", "whitelist", "allExcept", "all"]
EventType = Literal["viewer-request", "viewer-response", "origin-request", "origin-response"]

DEFAULT_ERROR_SECONDS = 10
"""How long CloudFront keeps an error by default (ErrorCachingMinTTL)."""


class UnsupportedDistributionError(ValueError):
    """The deployed distribution has what CloudFront refuses or the local edge does not support."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which of a request's headers, cookies or query parameters a policy includes."""

    selection: Selection = "none"
    names: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Return whether ``name`` is included."""
        named = any(fnmatch.fnmatchcase(name, pattern) for pattern in self.names)
        return self.selection == "all" or (self.selection, named) in {("whitelist", True), ("allExcept", False)}


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """What the cache key includes, and for how many seconds a response is kept."""

    min_seconds: int
    default_seconds: int
    max_seconds: int
    headers: Chosen = Chosen()
    cookies: Chosen = Chosen()
    query: Chosen = Chosen()
    encodings: tuple[str, ...] = ()

    @property
    def takes_path_alone(self) -> bool:
        """Return whether the cache key is the path alone."""
        chosen = (self.headers, self.cookies, self.query)
        return not self.encodings and all(each.selection == "none" for each in chosen)


@dataclass(frozen=True, slots=True)
class AddedHeader:
    """A header that a response headers policy sets, over the origin's own only if ``override``."""

    name: str
    value: str
    override: bool


@dataclass(frozen=True, slots=True)
class Cors:
    """A response headers policy's CORS settings."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    credentials: bool
    max_age_seconds: int | None
    override: bool


@dataclass(frozen=True, slots=True)
class ResponseHeadersPolicy:
    """Headers that are added to and removed from every response."""

    added: tuple[AddedHeader, ...] = ()
    removed: tuple[str, ...] = ()
    cors: Cors | None = None


@dataclass(frozen=True, slots=True)
class S3Origin:
    """A bucket that responses are fetched from.

    CloudFront tries ``connect_attempts`` times to connect and to get a response. Each try waits ``connect_seconds``
    for a connection and ``read_seconds`` for each next byte; all together take at most ``whole_seconds``, if set.
    """

    origin_id: str
    bucket: str
    region: str
    domain_name: str
    path: str = ""
    custom_headers: Mapping[str, str] = field(default_factory=dict)
    signed: bool = False
    connect_seconds: int = 10
    connect_attempts: int = 3
    read_seconds: int = 30
    whole_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Behavior:
    """How requests for a path pattern are served. ``origins`` are tried in order, the next one on ``failover``."""

    pattern: str
    origins: tuple[S3Origin, ...]
    failover: frozenset[int]
    methods: frozenset[str]
    cache: CachePolicy
    response_headers: ResponseHeadersPolicy
    functions: Mapping[EventType, str] = field(default_factory=dict)
    lambdas: Mapping[EventType, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A whole distribution."""

    distribution_id: str
    arn: str
    domain_name: str
    behaviors: tuple[Behavior, ...]
    functions: Mapping[str, FunctionCode]
    error_seconds: Mapping[int, int] = field(default_factory=dict)
    tag_header: str | None = None

    def behavior(self, path: str) -> Behavior:
        """Return the first behavior that matches ``path``; the last one, the default, matches all."""
        return next(b for b in self.behaviors if fnmatch.fnmatchcase(path.lstrip("/"), b.pattern.lstrip("/")))
