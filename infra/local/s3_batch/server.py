"""S3 Control's REST addresses, as far as they are about jobs."""

import re
import uuid

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from infra.local.s3_batch.api import BatchApi
from infra.local.s3_batch.codec import read_request, write_answer, write_error
from infra.local.s3_batch.errors import BatchError

_CALLER = re.compile(r"Credential=[^/,\s]+/\d{8}/([a-z0-9-]+)/s3/aws4_request")
_JOBS = "/v20180820/jobs"
HEALTH_PATH = "/_batch/health"


def build_app(api: BatchApi) -> Starlette:
    """Return the ASGI application that answers with ``api``."""

    def route(method: str, path: str, operation: str) -> Route:
        async def answer(request: Request) -> Response:
            body = await request.body()
            return await run_in_threadpool(_answer, api, operation, request, body)

        return Route(path, answer, methods=[method])

    async def health(_request: Request) -> Response:
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


def _answer(api: BatchApi, operation: str, request: Request, body: bytes) -> Response:
    request_id = uuid.uuid4().hex
    headers = {"x-amz-request-id": request_id}
    try:
        caller = _CALLER.search(request.headers.get("authorization", ""))
        if caller is None:
            raise BatchError("AccessDenied", "Access Denied: expected a request signed for s3", 403)
        query = {name: request.query_params.getlist(name) for name in request.query_params}
        parameters = read_request(operation, request.headers, query, request.path_params, body)
        answer = write_answer(operation, api.call(operation, parameters, caller[1]))
        return Response(answer, 200, headers, media_type="application/xml")
    except BatchError as error:
        return Response(write_error(error, request_id), error.status, headers, media_type="application/xml")
