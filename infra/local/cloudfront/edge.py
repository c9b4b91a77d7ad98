"""One request through CloudFront's stages, in CloudFront's order."""

import asyncio
import dataclasses
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

import httpx

from infra.local.cloudfront.access_log import EDGE_LOCATION, Served
from infra.local.cloudfront.cache import CachedResponse, ResponseCache
from infra.local.cloudfront.cache_policy import cache_key, lifetime
from infra.local.cloudfront.distribution import Behavior, Distribution
from infra.local.cloudfront.exchange import Response, ResultType, ViewerRequest, change_headers, error_page
from infra.local.cloudfront.functions import FunctionError, FunctionRuntime
from infra.local.cloudfront.origins import Origins
from infra.local.cloudfront.responses import apply_policy, narrow
from infra.local.cloudfront.viewer_events import (
    EventContext,
    FunctionResultError,
    apply_to_request,
    apply_to_response,
    viewer_request_event,
    viewer_response_event,
)

T = TypeVar("T")


class Collapser(Generic[T]):
    """Runs one fetch a key at a time; requests that come meanwhile wait for its outcome."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[T]] = {}

    def is_running(self, key: str) -> bool:
        """Return whether a fetch for ``key`` is running."""
        return key in self._running

    async def run(self, key: str, fetch: Callable[[], Awaitable[T]]) -> T:
        """Return the outcome of ``fetch``, or of the one that runs for ``key`` already.

        If a caller is cancelled, the fetch goes on for the others.
        """
        return await asyncio.shield(self.begin(key, fetch))

    def begin(self, key: str, fetch: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        """Start ``fetch`` unless one runs for ``key``, and return the running one."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.ensure_future(self._fetch(key, fetch))
            self._running[key] = task
        return task

    async def finish(self) -> None:
        """Wait for the fetches that are running."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _fetch(self, key: str, fetch: Callable[[], Awaitable[T]]) -> T:
        try:
            return await fetch()
        finally:
            self._running.pop(key, None)


logger = logging.getLogger(__name__)


class _Found(NamedTuple):
    """A response from the cache, ``age`` seconds old, or from an origin, which took ``origin_seconds``."""

    response: Response
    result_type: ResultType
    age: float | None = None
    origin_seconds: float | None = None


# "Quotas" and "Request and response behavior for Amazon S3 origins" of the CloudFront guide.
_LONGEST_URL = 8192
_LONGEST_REQUEST = 32_768


def _refusal(request: ViewerRequest, behavior: Behavior) -> Response | None:
    """Return CloudFront's own answer to a request that no function and no origin sees, or None."""
    url = f"{request.path}?{request.query}" if request.query else request.path
    if len(url) > _LONGEST_URL or request.received_bytes > _LONGEST_REQUEST:
        return error_page(413, "The request or its URL is too long.")
    if request.method not in behavior.methods:
        return error_page(403, "This distribution is not configured to allow this method.")
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if request.method == "GET" and has_body:
        return error_page(403, "A GET request may not have a body.")
    return None


class Edge:
    """Serves one distribution."""

    def __init__(
        self,
        distribution: Distribution,
        functions: FunctionRuntime,
        cache: ResponseCache,
        origins: Origins,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.distribution = distribution
        self.cache = cache
        self._functions = functions
        self._origins = origins
        self._clock = clock
        self._fills: Collapser[_Found] = Collapser()

    async def serve(self, request: ViewerRequest) -> Served:
        """Return the response to ``request``; failures behind the edge are responses too."""
        context = EventContext(self.distribution.distribution_id, self.distribution.domain_name, uuid.uuid4().hex)
        behavior = self.distribution.behavior(request.path)
        refused = _refusal(request, behavior)
        if refused is not None:
            return self._served(request, request.path, _Found(refused, "Error"), context)
        try:
            asked = await self._viewer_request(behavior, request, context)
        except FunctionError as error:
            logger.warning("viewer-request function: %s", error)
            failed = _Found(error_page(503, "The CloudFront function failed."), "FunctionExecutionError")
            return self._served(request, request.path, failed, context)
        except FunctionResultError as error:
            logger.warning("viewer-request function: %s", error)
            failed = _Found(error_page(502, "The CloudFront function returned no request."), "FunctionValidationError")
            return self._served(request, request.path, failed, context)
        if isinstance(asked, Response):
            return self._served(request, request.path, _Found(asked, "FunctionGeneratedResponse"), context)
        found = await self._look_up(behavior, asked, context)
        headers = apply_policy(behavior.response_headers, found.response.headers, request.headers.get("origin"))
        found = found._replace(response=dataclasses.replace(found.response, headers=headers))
        found = await self._viewer_response(behavior, asked, found, context)
        found = found._replace(response=narrow(found.response, request.headers))
        return self._served(request, asked.path, found, context)

    @property
    def served_by_origin(self) -> dict[str, int]:
        """How many responses came from each origin."""
        return dict(self._origins.served)

    async def finish(self) -> None:
        """Wait for the fetches that are running."""
        await self._fills.finish()

    async def _viewer_request(
        self, behavior: Behavior, request: ViewerRequest, context: EventContext
    ) -> ViewerRequest | Response:
        name = behavior.functions.get("viewer-request")
        if name is None:
            return request
        event = viewer_request_event(context, request)
        return apply_to_request(await self._functions.run(name, event, context.log("viewer-request")), request)

    async def _viewer_response(
        self, behavior: Behavior, request: ViewerRequest, found: _Found, context: EventContext
    ) -> _Found:
        name = behavior.functions.get("viewer-response")
        if name is None or found.response.status >= 400:
            return found
        event = viewer_response_event(context, request, found.response)
        try:
            result = await self._functions.run(name, event, context.log("viewer-response"))
            return found._replace(response=apply_to_response(result, found.response))
        except (FunctionError, FunctionResultError) as error:
            logger.warning("viewer-response function: %s", error)
            return _Found(error_page(503, "The CloudFront function failed."), "FunctionExecutionError")

    async def _look_up(self, behavior: Behavior, request: ViewerRequest, context: EventContext) -> _Found:
        key, now = cache_key(behavior.cache, request), self._clock()
        kept = self.cache.find(key)

        async def fill() -> _Found:
            return await self._fill(behavior, key, request, context, kept)

        if kept is not None and kept.is_served_while_revalidated(now):
            if not kept.is_fresh(now):
                self._fills.begin(key, fill)
            return _from_cache(kept, now)
        follows = self._fills.is_running(key)
        found = await self._fills.run(key, fill)
        if not follows:
            return found
        # A request that waited for another's fetch was served from the cache that it filled.
        return found._replace(
            result_type="Hit" if found.result_type == "Miss" else found.result_type, origin_seconds=None
        )

    async def _fill(
        self, behavior: Behavior, key: str, request: ViewerRequest, context: EventContext, kept: CachedResponse | None
    ) -> _Found:
        revalidated = kept if kept is not None and kept.response.status == 200 else None
        began = time.perf_counter()
        response, result_type = await self._origins.ask(
            behavior, request, context, _validators(revalidated.response.headers) if revalidated else {}
        )
        now, took = self._clock(), time.perf_counter() - began
        if revalidated and response.status == 304:
            result_type = "RefreshHit"
            response = dataclasses.replace(revalidated.response, headers=_refreshed(revalidated.response, response))
        elif revalidated and response.status >= 500 and revalidated.is_served_on_error(now):
            return _from_cache(revalidated, now)
        life = lifetime(response.status, response.headers, behavior.cache, self.distribution.error_seconds)
        if life.total > 0:
            self.cache.keep(key, CachedResponse(response, now, 0, life))
        elif response.status < 500:
            self.cache.forget(key)
        return _Found(response, result_type, origin_seconds=took)

    def _served(self, request: ViewerRequest, path: str, found: _Found, context: EventContext) -> Served:
        response = found.response
        own = {
            b"via": f"1.1 {self.distribution.domain_name} (CloudFront)".encode(),
            b"x-cache": f"{found.result_type} from cloudfront".encode(),
            b"x-amz-cf-pop": EDGE_LOCATION.encode(),
            b"x-amz-cf-id": context.request_id.encode(),
        }
        if response.status != 304:
            own[b"content-length"] = str(len(response.body)).encode()
        if found.age is not None:
            own[b"age"] = str(int(found.age)).encode()
        defaults = {b"date": _date(int(self._clock())), b"server": b"CloudFront"}
        headers = change_headers(response.headers, overriding=own, defaults=defaults)
        body = b"" if request.method == "HEAD" else response.body
        sent = Response(response.status, headers, body)
        return Served(request, path, sent, found.result_type, context.request_id, found.origin_seconds, context.logged)


@lru_cache(maxsize=4)
def _date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()


def _from_cache(kept: CachedResponse, now: float) -> _Found:
    return _Found(kept.response, "Error" if kept.response.status >= 400 else "Hit", kept.age_at(now))


def _validators(headers: Mapping[str, str]) -> dict[str, str]:
    names = {"etag": "if-none-match", "last-modified": "if-modified-since"}
    return {condition: headers[name] for name, condition in names.items() if name in headers}


def _refreshed(kept: Response, unchanged: Response) -> httpx.Headers:
    """Return the kept headers, updated with those of the 304 (RFC 9111, section 3.2)."""
    headers = httpx.Headers(kept.headers)
    headers.update({name: value for name, value in unchanged.headers.items() if name != "content-length"})
    return headers
