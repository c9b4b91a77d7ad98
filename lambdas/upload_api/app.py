"""The API's routes in one resolver, and the problem documents that it answers with."""

import json
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.core.access.signing_key import MalformedKeysError
from lambdas.core.observability import count, logger
from lambdas.core.takedown.versions import NotErasedError
from lambdas.upload_api.images import routes as images
from lambdas.upload_api.openapi import allowed_methods, write_document
from lambdas.upload_api.problem import ProblemError, invalid_request
from lambdas.upload_api.uploads import routes as uploads

DOCUMENT_PATH = "/openapi.json"
_RETRY_SECONDS = "2"
_NO_JSON = ProblemError(HTTPStatus.BAD_REQUEST, "expected a body of JSON in UTF-8 but received other bytes")

app = APIGatewayHttpResolver(enable_validation=True)
app.include_router(uploads.router)
app.include_router(images.router)


@cache
def _document(server: str) -> dict[str, Any]:
    return write_document(app, server)


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
    """Answer with the problem document."""
    return _refused(problem)


@app.exception_handler(RequestValidationError)  # type: ignore[untyped-decorator]
def refuse_request(error: RequestValidationError) -> "Response[str]":
    """Answer a request whose body or parameters are wrong."""
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        return _refused(_NO_JSON)
    return _refused(invalid_request(error.errors()))


# Neither text that is no UTF-8 nor JSON nested without end is told from a fault of ours by Powertools.
@app.exception_handler([UnicodeDecodeError, RecursionError])  # type: ignore[untyped-decorator]
def refuse_body(_error: Exception) -> "Response[str]":
    """Answer a body that cannot be read at all."""
    return _refused(_NO_JSON)


@app.exception_handler(RequestUnsupportedContentType)  # type: ignore[untyped-decorator]
def refuse_content_type(_error: RequestUnsupportedContentType) -> "Response[str]":
    """Answer a body that says that it is no JSON."""
    return _refused(unsupported_body(app.current_event.headers.get("content-type", "")))


@app.exception_handler([ClientError, BotoCoreError, NotErasedError, MalformedKeysError])  # type: ignore[untyped-decorator]
def apologize(error: Exception) -> "Response[str]":
    """Answer where something behind the API failed, so that a client tries again."""
    logger.exception("A service behind the API failed", exc_info=error)
    count("upload_api_failed")
    problem = ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "expected every service behind the API to answer but one did not; try again",
        headers={"Retry-After": _RETRY_SECONDS},
    )
    return problem.to_response()


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]
def admit_fault(error: Exception) -> "Response[str]":
    """Answer where we are wrong: no client sees more of it than that, and the log has the rest."""
    logger.exception("A fault of ours", exc_info=error)
    count("upload_api_failed")
    problem = ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "expected an answer but the API failed at it")
    return problem.to_response()


@app.not_found
def unknown_route(_error: NotFoundError) -> "Response[str]":
    """Answer a path that does not exist, or a method that it does not have."""
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
    """Return the problem of a body that is no JSON."""
    return ProblemError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"expected a body of application/json but received {content_type[:80]!r}",
    )
