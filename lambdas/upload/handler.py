"""Upload: the HTTP API's handler."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from lambdas.aws.clients import s3
from lambdas.aws.environment import Environment, OriginalsBucketName
from lambdas.keys import OriginalKey, new_image_id
from lambdas.observability import LambdaContext, count, identify, logger, observed
from lambdas.settings import load_settings
from lambdas.upload.policy import presign
from lambdas.upload.problem import ProblemError
from lambdas.upload.request import parse_upload_request

app = APIGatewayHttpResolver()


class Variables(Environment):
    """What upload is told by its environment."""

    originals_bucket: OriginalsBucketName


@app.post("/uploads")
def create_upload() -> "Response[str]":
    """Sign one upload: a new image id, and the form that its bytes are to be posted with."""
    settings = load_settings()
    request = parse_upload_request(app.current_event.decoded_body or "", settings)
    image_id = new_image_id(private=request.private)
    identify(image_id, request.tenant)
    key = OriginalKey(request.tenant, datetime.now(UTC).date(), image_id)
    form = presign(s3(), Variables.read().originals_bucket, key, request, settings.uploads.link_seconds)
    logger.info("Upload signed", extra={"bytes": request.bytes, "content_type": request.content_type})
    count("upload_signed")
    return Response(
        HTTPStatus.CREATED.value,
        "application/json",
        json.dumps({"image_id": image_id, **form, "expires_in": settings.uploads.link_seconds}),
        headers={"Cache-Control": "no-store"},
    )


@app.exception_handler(ProblemError)  # type: ignore[untyped-decorator]  # Powertools leaves it untyped
def refuse(problem: ProblemError) -> "Response[str]":
    """Answer with the problem document."""
    logger.info("Refused", extra={"status": problem.status.value, "reason": problem.detail})
    count("upload_refused")
    return problem.to_response()


@app.not_found
def unknown_route(_error: NotFoundError) -> "Response[str]":
    """Answer a route that does not exist."""
    event = app.current_event
    received = f"expected POST /uploads but received {event.http_method} {event.path}"
    return ProblemError(HTTPStatus.NOT_FOUND, received).to_response()


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of the HTTP API."""
    return app.resolve(event, context)
