"""S3 Control's REST API, as far as it is about jobs.

XML is read and written by botocore's own model of the service: the server's side of its client's code.
"""

import re
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any
from xml.etree import ElementTree  # only written here

import botocore.session
import httpx
from botocore.exceptions import ParamValidationError
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import ResponseParserError, create_parser
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from infra.local.guard import has_token
from infra.local.s3_batch.api import BatchApi
from infra.local.s3_batch.job import BatchError

_PROTOCOL = "rest-xml"


@cache
def _service() -> ServiceModel:
    model: ServiceModel = botocore.session.get_session().get_service_model("s3control")
    return model


def read_request(
    operation: str, headers: Mapping[str, str], query: Mapping[str, list[str]], path: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """Return the parameters of a request, as a client gave them to boto3.

    Args:
        operation: its name, such as ``CreateJob``.
        headers: by their lower-case names.
        query: values by name.
        path: values by the names in the operation's address.
        body: XML, or nothing.

    Raises:
        BatchError: the XML is none, or a parameter is missing or of the wrong type.
    """
    shape = _service().operation_model(operation).input_shape
    assert shape is not None  # noqa: S101 - each of the five operations takes parameters
    try:
        parsed = create_parser(_PROTOCOL).parse({"headers": headers, "body": body, "status_code": 200}, shape)
    except (ResponseParserError, ValueError) as error:
        raise BatchError("MalformedXML", f"The XML you provided was not well-formed: {error}") from error
    parsed.pop("ResponseMetadata", None)
    for name, member in shape.members.items():
        found: Any = None
        location, key = member.serialization.get("location"), str(member.serialization.get("name"))
        if location == "uri":
            found = path.get(key)
        elif location == "querystring" and query.get(key):
            found = query[key] if member.type_name == "list" else query[key][0]
            if member.type_name == "integer":
                found = _integer(name, found)
        if found is not None:
            parsed[name] = found
    report = ParamValidator().validate(parsed, shape)
    if report.has_errors():
        raise BatchError("InvalidRequest", f"Request invalid: {report.generate_report()}")
    return dict(parsed)


def write_answer(operation: str, answer: Mapping[str, Any]) -> bytes:
    """Return ``answer`` as the XML from which a client reads it."""
    model = _service().operation_model(operation)
    if model.output_shape is None:
        return b""
    # botocore writes only inputs, so the result is written as the input of an operation.
    posing = OperationModel(
        {
            "name": operation,
            "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": model.output_shape.name, "locationName": model.output_shape.name},
        },
        _service(),
        operation,
    )
    try:
        written = create_serializer(_PROTOCOL).serialize_to_request(dict(answer), posing)
    except ParamValidationError as error:
        raise AssertionError(f"expected an answer of {operation} but received {answer}") from error
    return bytes(written["body"])


def write_error(error: BatchError, request_id: str) -> bytes:
    """Return ``error`` as S3 Control's XML."""
    root = ElementTree.Element("ErrorResponse")
    described = ElementTree.SubElement(root, "Error")
    ElementTree.SubElement(described, "Code").text = error.code
    ElementTree.SubElement(described, "Message").text = str(error)
    ElementTree.SubElement(root, "RequestId").text = request_id
    return bytes(ElementTree.tostring(root, encoding="utf-8"))


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise BatchError(
            "InvalidRequest", f"Request invalid: expected a number for {name} but received {text!r}"
        ) from error


_REGION = re.compile(r"Credential=[^/,\s]+/\d{8}/([a-z0-9-]+)/s3/aws4_request")
_JOBS = "/v20180820/jobs"
_ALLOWED = "InvalidURI"  # the emulator has no jobs
HEALTH_PATH = "/_batch/health"


def build_app(api: BatchApi, emulator: str, token: str) -> Starlette:
    """Return the ASGI application that answers with ``api``.

    Args:
        api: the service.
        emulator: base URL of the emulator, which gets each request as it was signed and says whether it is allowed.
        token: opens the health check.
    """
    client = httpx.AsyncClient(timeout=60, trust_env=False)

    async def refusal(request: Request, body: bytes) -> BatchError | None:
        target = f"{emulator}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")
        # Host stays what the client signed.
        answer = await client.request(request.method, target, headers=request.headers.raw, content=body)
        said = {
            name: match[1] for name in ("Code", "Message") if (match := re.search(f"<{name}>([^<]*)<", answer.text))
        }
        if said.get("Code") == _ALLOWED:
            return None
        return BatchError(said.get("Code", "AccessDenied"), said.get("Message", answer.text), answer.status_code)

    def route(method: str, path: str, operation: str) -> Route:
        async def answer(request: Request) -> Response:
            body = await request.body()
            refused = await refusal(request, body)
            return await run_in_threadpool(_answer, api, operation, request, body, refused)

        return Route(path, answer, methods=[method])

    async def health(request: Request) -> Response:
        if not has_token(request.scope, token):
            return PlainTextResponse("expected the stack's token", 403)
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route(HEALTH_PATH, health),
            route("POST", _JOBS, "CreateJob"),
            route("GET", _JOBS, "ListJobs"),
            route("GET", f"{_JOBS}/{{id}}", "DescribeJob"),
            route("POST", f"{_JOBS}/{{id}}/status", "UpdateJobStatus"),
            route("POST", f"{_JOBS}/{{id}}/priority", "UpdateJobPriority"),
        ]
    )


def _answer(api: BatchApi, operation: str, request: Request, body: bytes, refused: BatchError | None) -> Response:
    request_id = uuid.uuid4().hex
    headers = {"x-amz-request-id": request_id}
    try:
        if refused is not None:
            raise refused
        region = _REGION.search(request.headers["authorization"])
        if region is None:
            raise BatchError("AccessDenied", "Access Denied: expected a request signed for s3", 403)
        query = {name: request.query_params.getlist(name) for name in request.query_params}
        parameters = read_request(operation, request.headers, query, request.path_params, body)
        answer = write_answer(operation, api.call(operation, parameters, region[1]))
        return Response(answer, 200, headers, media_type="application/xml")
    except BatchError as error:
        return Response(write_error(error, request_id), error.status, headers, media_type="application/xml")
