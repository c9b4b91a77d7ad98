"""The API's routes in one resolver, and its error responses."""

import json
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.core.access.signing_keys import MalformedKeysError
from lambdas.core.observability import count, logger
from lambdas.core.takedown import NotErasedError
from lambdas.upload_api import image_routes, upload_routes
from lambdas.upload_api.openapi import allowed_methods, build_document
from lambdas.upload_api.problem import ProblemError, invalid_request

DOCUMENT_PATH = "/openapi.json"
_RETRY_SECONDS = "2"
_NOT_JSON = ProblemError(HTTPStatus.BAD_REQUEST, "expected a body of JSON in UTF-8 but received other bytes")

app = APIGatewayHttpResolver(enable_validation=True)
app.include_router(upload_routes.router)
app.include_router(image_routes.router)


@cache
def _document(server: str) -> dict[str, Any]:
    return build_document(app, server)


@app.get(DOCUMENT_PATH, include_in_schema=False)
def show_document() -> "Response[str]":
    """Serve the OpenAPI document."""
    server = f"https://{app.current_event.request_context.domain_name}"
    return Response(
        HTTPStatus.OK.value,
        "application/json",
        json.dumps(_document(server)),
        headers={"Cache-Control": "public, max-age=300"},
    )


def _refused(problem: ProblemError) -> "Response[str]":
    logger.info("Refused", extra={"status": problem.status.value, "reason": problem.detail})
    count("upload_refused")
    return problem.to_response()


@app.exception_handler(ProblemError)  # type: ignore[untyped-decorator]  # Powertools leaves it untyped
def refuse(problem: ProblemError) -> "Response[str]":
    """Return the problem document."""
    return _refused(problem)


@app.exception_handler(RequestValidationError)  # type: ignore[untyped-decorator]
def refuse_request(error: RequestValidationError) -> "Response[str]":
    """Refuse a request with an invalid body or parameters."""
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        return _refused(_NOT_JSON)
    return _refused(invalid_request(error.errors()))


# Powertools lets these errors escape for a body that is not UTF-8, or JSON that is nested too deeply.
@app.exception_handler([UnicodeDecodeError, RecursionError])  # type: ignore[untyped-decorator]
def refuse_body(_error: Exception) -> "Response[str]":
    """Refuse a body that cannot be parsed."""
    return _refused(_NOT_JSON)


@app.exception_handler(RequestUnsupportedContentType)  # type: ignore[untyped-decorator]
def refuse_content_type(_error: RequestUnsupportedContentType) -> "Response[str]":
    """Refuse a body of another content type than JSON."""
    return _refused(unsupported_body(app.current_event.headers.get("content-type", "")))


@app.exception_handler([ClientError, BotoCoreError, NotErasedError, MalformedKeysError])  # type: ignore[untyped-decorator]
def report_unavailable(error: Exception) -> "Response[str]":
    """Answer 503 if a service behind the API failed, so that a client retries."""
    logger.exception("A service behind the API failed", exc_info=error)
    count("upload_api_failed")
    problem = ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "A service behind the API did not answer; try again",
        headers={"Retry-After": _RETRY_SECONDS},
    )
    return problem.to_response()


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]
def report_internal_error(error: Exception) -> "Response[str]":
    """Answer 500 for a defect of ours: the details are only in the log."""
    logger.exception("Internal error", exc_info=error)
    count("upload_api_failed")
    problem = ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "The API failed because of an internal error")
    return problem.to_response()


@app.not_found
def unknown_route(_error: NotFoundError) -> "Response[str]":
    """Answer 404 for an unknown path, 405 for a method that the path does not have."""
    event = app.current_event
    document = _document("/")
    methods = allowed_methods(document, event.path)
    if methods:
        return _refused(
            ProblemError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"expected {' or '.join(methods)} {event.path} but received {event.http_method}",
                headers={"Allow": ", ".join(methods)},
            )
        )
    known = ", ".join(sorted(document["paths"]))
    return _refused(ProblemError(HTTPStatus.NOT_FOUND, f"expected one of {known} but received {event.path[:200]!r}"))


def unsupported_body(content_type: str) -> ProblemError:
    """Return the problem of a body that is not JSON."""
    return ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"expected a body of application/json but received {content_type[:80]!r}",
    )
