"""Upload API: the HTTP API's handler. Only its description and preflights need no tenant."""

from http import HTTPStatus
from typing import Any

from lambdas.core.observability import LambdaContext, count, logger, observed
from lambdas.upload_api.app import DOCUMENT_PATH, app, unsupported_body
from lambdas.upload_api.caller import read_caller
from lambdas.upload_api.problem import ProblemError

_JSON = "application/json"
_PREFLIGHT = {"statusCode": HTTPStatus.NO_CONTENT.value, "body": ""}  # API Gateway adds the CORS headers


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of the HTTP API (payload format 2.0)."""
    method = event["requestContext"]["http"]["method"]
    if event["routeKey"].startswith("OPTIONS "):  # a browser's preflight, which no authorizer has seen
        return _PREFLIGHT
    if (method, event["rawPath"]) == ("GET", DOCUMENT_PATH):
        return app.resolve(event, context)
    try:
        caller = read_caller(event)
        _require_json(event)
    except ProblemError as problem:
        logger.info("Refused", extra={"status": problem.status.value, "reason": problem.detail})
        count("upload_refused")
        answer = problem.to_proxy_response()
    else:
        app.append_context(caller=caller)  # type: ignore[no-untyped-call]  # Powertools leaves it untyped
        answer = app.resolve(event, context)
    answer["body"] = answer.get("body") or ""  # HTTP APIs expect a string, never null
    # Responses are signed for one caller: no cache may keep them.
    answer.setdefault("headers", {})["Cache-Control"] = "no-store"
    return answer


def _require_json(event: dict[str, Any]) -> None:
    content_type = str((event.get("headers") or {}).get("content-type", _JSON))
    if event.get("body") and content_type.partition(";")[0].strip().lower() != _JSON:
        raise unsupported_body(content_type)
