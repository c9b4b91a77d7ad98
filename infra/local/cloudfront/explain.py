"""Explains how the edge would serve a request: runs its functions with it, and again without each part of it."""

import dataclasses
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httpx

from infra.local.cloudfront.cache import ResponseCache
from infra.local.cloudfront.cache_policy import cache_key
from infra.local.cloudfront.distribution import Behavior, Distribution
from infra.local.cloudfront.exchange import Response, ViewerRequest
from infra.local.cloudfront.functions import FunctionRuntime
from infra.local.cloudfront.viewer_events import EventContext, apply_to_request, viewer_request_event

_SENT_BY_EVERY_CLIENT = frozenset({"host", "user-agent", "connection", "accept-encoding"})


class Explainer:
    """Explains requests to one distribution; changes nothing and requests nothing from origins."""

    def __init__(
        self,
        distribution: Distribution,
        functions: FunctionRuntime,
        cache: ResponseCache,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._distribution = distribution
        self._functions = functions
        self._cache = cache
        self._clock = clock

    async def explain(self, request: ViewerRequest) -> dict[str, Any]:
        """Return each step of ``request`` through the edge, as JSON-ready data.

        ``behavior`` is the pattern that matches. Then either ``refused`` (status and message of the function's
        response), or ``path`` (what it is rewritten to), ``cache_key``, ``cached`` (null, or how old it is and until
        when it is served) and ``origins`` in the order in which they are requested. ``because`` gives for each
        parameter and header the outcome without it.

        Raises:
            FunctionError, FunctionResultError: the viewer-request function failed.
        """
        behavior = self._distribution.behavior(request.path)
        asked = await self._ask(behavior, request)
        outcome = _outcome(asked)
        steps: dict[str, Any] = {
            "behavior": behavior.pattern,
            "because": await self._reasons(behavior, request, outcome),
        }
        if isinstance(asked, Response):
            return {
                **steps,
                "refused": {"status": asked.status, "message": asked.body.decode(errors="replace").strip()},
            }
        key = cache_key(behavior.cache, asked)
        return {
            **steps,
            "path": asked.path,
            "cache_key": key.strip(),
            "cached": self._cached(key),
            "origins": [{"id": o.origin_id, "bucket": o.bucket, "region": o.region} for o in behavior.origins],
            "fails_over_on": sorted(behavior.failover),
        }

    async def _ask(self, behavior: Behavior, request: ViewerRequest) -> ViewerRequest | Response:
        name = behavior.functions.get("viewer-request")
        if name is None:
            return request
        context = EventContext(self._distribution.distribution_id, self._distribution.domain_name, uuid.uuid4().hex)
        return apply_to_request(await self._functions.run(name, viewer_request_event(context, request)), request)

    async def _reasons(self, behavior: Behavior, request: ViewerRequest, outcome: str) -> list[dict[str, Any]]:
        reasons = []
        for what, without in _each_left_out(request):
            otherwise = _outcome(await self._ask(behavior, without))
            reasons.append({"sent": what, "without": None if otherwise == outcome else otherwise})
        return reasons

    def _cached(self, key: str) -> dict[str, Any] | None:
        kept, now = self._cache.find(key), self._clock()
        if kept is None:
            return None
        state = "fresh" if kept.is_fresh(now) else "stale"
        left = kept.kept_at + kept.lifetime.fresh - now
        age = round(kept.age_at(now))
        return {"status": kept.response.status, "state": state, "age": age, "fresh_for": max(round(left), 0)}


def _outcome(asked: ViewerRequest | Response) -> str:
    return asked.path if isinstance(asked, ViewerRequest) else str(asked.status)


def _each_left_out(request: ViewerRequest) -> list[tuple[str, ViewerRequest]]:
    """Return the request without each of its parameters and headers in turn, and what was left out."""
    parameters = [part for part in request.query.split("&") if part]
    variations = []
    for index, part in enumerate(parameters):
        left = "&".join(parameters[:index] + parameters[index + 1 :])
        name, _, value = part.partition("=")
        shown = "…" if name == "token" else unquote(value)
        variations.append((f"?{unquote(name)}={shown}", dataclasses.replace(request, query=left)))
    for name, value in request.headers.items():
        if name not in _SENT_BY_EVERY_CLIENT:
            others = httpx.Headers([pair for pair in request.headers.multi_items() if pair[0] != name])
            shown = "…" if name in ("authorization", "cookie") else value
            variations.append((f"{name}: {shown}", dataclasses.replace(request, headers=others)))
    return variations
