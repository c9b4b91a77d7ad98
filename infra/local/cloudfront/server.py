"""The edge as a web server: paths under ``/_edge/`` are the operator's, with the stack's token; all others viewers'."""

import asyncio
import contextlib
import dataclasses
import hmac
import json
import time
from collections.abc import AsyncIterator

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.local.cloudfront.access_log import LogWriter, Statistics, Timing, access_record
from infra.local.cloudfront.edge import Edge
from infra.local.cloudfront.exchange import Response, ViewerRequest, to_headers
from infra.local.cloudfront.explain import Explainer
from infra.local.cloudfront.functions import FunctionError, FunctionRuntime
from infra.local.cloudfront.origins import S3Fetcher
from infra.local.cloudfront.stamp import HEADER, Stamp, StampError
from infra.local.cloudfront.upkeep import Upkeep
from infra.local.cloudfront.viewer_events import FunctionResultError
from infra.local.guard import TOKEN_HEADER, has_token, is_foreign_host, is_foreign_origin, refuse

FLUSH_SECONDS = 5.0
_OPERATORS_PATHS = "/_edge/"


class EdgeServer:
    """Serves the edge over HTTP, and logs and counts its responses."""

    def __init__(
        self, edge: Edge, functions: FunctionRuntime, fetcher: S3Fetcher, log: LogWriter, upkeep: Upkeep, token: str
    ) -> None:
        self._edge = edge
        self._functions = functions
        self._fetcher = fetcher
        self._log = log
        self._upkeep = upkeep
        self._token = token
        self._statistics = Statistics()

    def application(self) -> ASGIApp:
        """Return the ASGI application. Viewers' requests bypass Starlette, for speed."""
        operators = Starlette(
            routes=[
                Route("/_edge/health", self._health),
                Route("/_edge/stats", self._stats),
                Route("/_edge/flush", self._flush, methods=["POST"]),
                Route("/_edge/invalidate", self._invalidate, methods=["POST"]),
                Route("/_edge/explain", self._explain, methods=["POST"]),
            ],
            lifespan=self._lifespan,
        )
        operators.router.default = self._view
        operators.router.redirect_slashes = False

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await operators(scope, receive, send)
            elif is_foreign_host(scope):
                await refuse(scope, receive, send, "expected a request for this machine's address")
            elif not scope["path"].startswith(_OPERATORS_PATHS):
                await self._view(scope, receive, send)
            elif is_foreign_origin(scope) or not has_token(scope, self._token):
                await refuse(scope, receive, send, "expected the stack's token, and a request of no other page")
            else:
                await operators(scope, receive, send)

        return application

    async def serve(self, request: ViewerRequest) -> Response:
        """Serve a viewer's request, and log it."""
        began_at, began = time.time(), time.perf_counter()
        try:
            stamp = Stamp.read(request.headers, began_at) if self._is_owners(request) else None
        except StampError as error:
            body = json.dumps({"error": str(error)}).encode()
            return Response(400, httpx.Headers({"content-type": "application/json"}), body)
        if stamp is not None:
            request, began_at = _replayed(request, stamp), stamp.moment.timestamp()
        served = await self._edge.serve(request)
        seconds = time.perf_counter() - began
        timing = Timing(began_at, seconds, seconds)
        record = access_record(served, timing, self._edge.distribution.domain_name)
        self._statistics.add(record)
        self._log.add(timing.hour, record)
        return served.response

    def _is_owners(self, request: ViewerRequest) -> bool:
        return hmac.compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), self._token.encode())

    @contextlib.asynccontextmanager
    async def _lifespan(self, _application: Starlette) -> AsyncIterator[None]:
        await self._functions.start()
        # Before the first viewer is served: invalidations that were created while the edge was down.
        await self._upkeep.once()
        tasks = [asyncio.create_task(self._flush_now_and_then()), asyncio.create_task(self._upkeep.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._edge.finish()
            await self._log.flush()
            await self._functions.stop()
            await self._fetcher.close()
            self._edge.cache.close()

    async def _flush_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self._log.flush()

    async def _view(self, scope: Scope, _receive: Receive, send: Send) -> None:
        response = await self.serve(_viewer_request(scope))
        headers = [(name.lower(), value) for name, value in response.headers.raw]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _health(self, _request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "distribution": self._edge.distribution.distribution_id})

    async def _stats(self, _request: Request) -> JSONResponse:
        log = {"written": self._log.written, "waiting": self._log.waiting}
        kept, origins = len(self._edge.cache), self._edge.served_by_origin
        return JSONResponse({**self._statistics.summary(), "origins": origins, "cached": kept, "log": log})

    async def _flush(self, _request: Request) -> JSONResponse:
        await self._log.flush()
        return JSONResponse({"written": self._log.written, "waiting": self._log.waiting})

    async def _invalidate(self, request: Request) -> JSONResponse:
        try:
            paths = json.loads(await request.body() or b'{"paths": ["/*"]}')["paths"]
        except (ValueError, KeyError, TypeError):
            paths = None
        if not isinstance(paths, list) or not all(
            isinstance(path, str) and path.startswith(("/", "#")) for path in paths
        ):
            return JSONResponse({"error": 'expected {"paths": ["/…", …]} but received something else'}, status_code=400)
        return JSONResponse({"invalidated": self._edge.cache.invalidate(paths)})

    async def _explain(self, request: Request) -> JSONResponse:
        try:
            asked = json.loads(await request.body())
            path, _, query = str(asked["target"]).partition("?")
            headers = to_headers([(str(name), str(value)) for name, value in asked["headers"]])
        except (ValueError, KeyError, TypeError):
            expected = 'expected {"target": "/img/…", "headers": [[name, value], …]} but received something else'
            return JSONResponse({"error": expected}, status_code=400)
        viewer = ViewerRequest("GET", path, query, headers, "127.0.0.1")
        explainer = Explainer(self._edge.distribution, self._functions, self._edge.cache)
        try:
            return JSONResponse(await explainer.explain(viewer))
        except (FunctionError, FunctionResultError) as error:
            return JSONResponse({"error": str(error)}, status_code=502)


def _viewer_request(scope: Scope) -> ViewerRequest:
    path = scope["raw_path"].decode("latin-1").partition("?")[0]
    query, method = scope["query_string"].decode("latin-1"), scope["method"]
    host, port = scope["client"] or ("-", 0)
    line = len(method) + len(path) + len(query) + len(" ? HTTP/1.1\r\n")
    return ViewerRequest(
        method=method,
        path=path,
        query=query,
        headers=httpx.Headers(scope["headers"]),
        client_ip=host,
        client_port=port,
        received_bytes=line + sum(len(name) + len(value) + 4 for name, value in scope["headers"]) + 2,
        http_version=scope["http_version"],
    )


def _replayed(request: ViewerRequest, stamp: Stamp) -> ViewerRequest:
    headers = httpx.Headers([pair for pair in request.headers.multi_items() if pair[0] not in (HEADER, TOKEN_HEADER)])
    return dataclasses.replace(request, headers=headers, client_ip=stamp.address)
