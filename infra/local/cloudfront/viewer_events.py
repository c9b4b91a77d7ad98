"""Events of CloudFront Functions, and what their results mean (CloudFront guide, "Event structure")."""

import base64
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx

from infra.local.cloudfront.exchange import Response, ViewerRequest, reason, to_headers


class FunctionResultError(ValueError):
    """A function returned what CloudFront does not accept."""


@dataclasses.dataclass(frozen=True, slots=True)
class EventContext:
    """The distribution and request of an event, and what functions ``logged``, by event type."""

    distribution_id: str
    domain_name: str
    request_id: str
    logged: dict[str, str] = dataclasses.field(default_factory=dict, compare=False)

    def log(self, event_type: str) -> Callable[[str], None]:
        """Return a callback for the access-log data of a function of ``event_type``."""
        return partial(self.logged.__setitem__, event_type)


def viewer_request_event(context: EventContext, request: ViewerRequest) -> dict[str, Any]:
    """Return the event of a viewer-request function; values of the query string stay percent-encoded."""
    return _event(context, request, "viewer-request")


def viewer_response_event(context: EventContext, request: ViewerRequest, response: Response) -> dict[str, Any]:
    """Return the event of a viewer-response function, without the body."""
    shown = {
        "statusCode": response.status,
        "statusDescription": reason(response.status),
        "headers": _grouped((name, value) for name, value in response.headers.multi_items() if name != "set-cookie"),
        "cookies": {},
    }
    return {**_event(context, request, "viewer-response"), "response": shown}


def apply_to_request(result: Any, request: ViewerRequest) -> ViewerRequest | Response:
    """Return the result of a viewer-request function: a changed request, or a response.

    Raises:
        FunctionResultError: it returned neither.
    """
    if not isinstance(result, dict):
        raise FunctionResultError(f"expected a request or a response of the function but received {result!r}")
    if "statusCode" in result:
        return _response(result)
    path = result.get("uri")
    if not isinstance(path, str) or not path.startswith("/"):
        raise FunctionResultError(f"expected a uri that begins with / of the function but received {path!r}")
    headers = _headers(result)
    if cookies := "; ".join(f"{name}={value}" for name, value in _flat(result.get("cookies") or {})):
        headers["cookie"] = cookies
    querystring = result.get("querystring") or {}
    query = querystring if isinstance(querystring, str) else "&".join(f"{n}={v}" for n, v in _flat(querystring))
    return dataclasses.replace(request, path=quote(path, safe="/%:@!$&'()*+,;=~-._"), query=query, headers=headers)


def apply_to_response(result: Any, response: Response) -> Response:
    """Return ``response`` as a viewer-response function changed it; the body only if it returned one.

    Raises:
        FunctionResultError: it returned no response.
    """
    if not isinstance(result, dict) or "statusCode" not in result:
        raise FunctionResultError(f"expected a response of the function but received {result!r}")
    changed = _response(result)
    return changed if result.get("body") is not None else dataclasses.replace(changed, body=response.body)


def _event(context: EventContext, request: ViewerRequest, kind: str) -> dict[str, Any]:
    cookies = (part.strip().partition("=") for part in request.headers.get("cookie", "").split(";"))
    pairs = (part.partition("=") for part in request.query.split("&") if part)
    return {
        "version": "1.0",
        "context": {
            "distributionDomainName": context.domain_name,
            "distributionId": context.distribution_id,
            "eventType": kind,
            "requestId": context.request_id,
        },
        "viewer": {"ip": request.client_ip},
        "request": {
            "method": request.method,
            "uri": request.path,
            "querystring": _grouped((name, value) for name, _, value in pairs),
            "headers": _grouped((name, value) for name, value in request.headers.multi_items() if name != "cookie"),
            "cookies": _grouped((name, value) for name, equals, value in cookies if equals),
        },
    }


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    grouped: dict[str, dict[str, Any]] = {}
    for name, value in pairs:
        if name not in grouped:
            grouped[name] = {"value": value}
            continue
        first = grouped[name]
        first.setdefault("multiValue", [{"value": first["value"]}]).append({"value": value})
    return grouped


def _flat(grouped: Mapping[str, Any]) -> list[tuple[str, str]]:
    try:
        return [
            (name, str(item["value"])) for name, entry in grouped.items() for item in entry.get("multiValue") or [entry]
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise FunctionResultError(f"expected name: {{value}} pairs of the function but received {grouped!r}") from error


def _response(result: Mapping[str, Any]) -> Response:
    status = result["statusCode"]
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise FunctionResultError(f"expected a status from 200 to 599 of the function but received {status!r}")
    body = result.get("body") or ""
    if isinstance(body, dict):
        data = str(body.get("data", ""))
        content = base64.b64decode(data) if body.get("encoding") == "base64" else data.encode()
    else:
        content = str(body).encode()
    return Response(status, _headers(result), content)


def _headers(result: Mapping[str, Any]) -> httpx.Headers:
    try:
        return to_headers(_flat(result.get("headers") or {}))
    except ValueError as error:
        raise FunctionResultError(str(error)) from error
