"""Lambda@Edge: the origin-request event, its invocation, and what its result means.

CloudFront guide, "Lambda@Edge event structure".
"""

import asyncio
import base64
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.cloudfront.distribution import S3Origin
from infra.local.cloudfront.exchange import Response, ResultType, ViewerRequest, to_headers
from infra.local.cloudfront.viewer_events import EventContext

MAX_GENERATED_BYTES = 1024 * 1024


class LambdaResultError(ValueError):
    """A Lambda@Edge function returned what CloudFront does not take."""


def origin_request_event(
    context: EventContext, request: ViewerRequest, origin: S3Origin, query: str, forwarded: Mapping[str, str]
) -> dict[str, Any]:
    """Return the event for the fetch of ``request`` from ``origin``.

    Args:
        context: the distribution and the request.
        request: what the viewer-request function made of the viewer's request.
        origin: the bucket.
        query: the query string that is forwarded to the origin.
        forwarded: the viewer's headers that are forwarded.
    """
    headers = {
        **forwarded,
        "host": origin.domain_name,
        "user-agent": "Amazon CloudFront",
        "via": f"1.1 {context.domain_name} (CloudFront)",
        "x-forwarded-for": request.client_ip,
    }
    s3 = {
        "authMethod": "none",
        "customHeaders": _header_object(origin.custom_headers),
        "domainName": origin.domain_name,
        "path": origin.path,
        "region": origin.region,
    }
    config = {
        "distributionDomainName": context.domain_name,
        "distributionId": context.distribution_id,
        "eventType": "origin-request",
        "requestId": context.request_id,
    }
    wire = {
        "clientIp": request.client_ip,
        "headers": _header_object(headers),
        "method": request.method,
        "querystring": query,
        "uri": request.path,
        "origin": {"s3": s3},
    }
    return {"Records": [{"cf": {"config": config, "request": wire}}]}


def apply_to_origin(result: Any, path: str, origin: S3Origin) -> tuple[str, S3Origin] | Response:
    """Return the path and origin that the function chose, or the response that it generated.

    Raises:
        LambdaResultError: it returned neither, or another bucket, which origin access control does not allow.
    """
    if not isinstance(result, dict):
        raise LambdaResultError(f"expected a request or a response of the function but received {result!r}")
    if "status" in result:
        return _generated(result)
    wanted, s3 = result.get("uri"), (result.get("origin") or {}).get("s3") or {}
    if not isinstance(wanted, str) or not wanted.startswith("/"):
        raise LambdaResultError(f"expected a uri that begins with / of the function but received {wanted!r}")
    if s3.get("domainName", origin.domain_name) != origin.domain_name:
        raise LambdaResultError(f"expected the origin {origin.domain_name} but received {s3['domainName']!r}")
    custom = {name: entries[0]["value"] for name, entries in (s3.get("customHeaders") or {}).items()}
    return wanted, dataclasses.replace(origin, custom_headers=custom)


def _header_object(headers: Mapping[str, str]) -> dict[str, list[dict[str, str]]]:
    return {name.lower(): [{"key": name, "value": value}] for name, value in headers.items()}


def _generated(result: Mapping[str, Any]) -> Response:
    try:
        status = int(result["status"])
        pairs = [(name, entry["value"]) for name, entries in result.get("headers", {}).items() for entry in entries]
        headers = to_headers(pairs)
        text = str(result.get("body") or "")
        body = base64.b64decode(text) if result.get("bodyEncoding") == "base64" else text.encode()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LambdaResultError(f"expected a response of the function but received {result!r}") from error
    if not 200 <= status <= 599:
        raise LambdaResultError(f"expected a status from 200 to 599 of the function but received {status}")
    if len(body) > MAX_GENERATED_BYTES:
        raise LambdaResultError(
            f"expected at most {MAX_GENERATED_BYTES} bytes of the function but received {len(body)}"
        )
    return Response(status, headers, body)


class EdgeLambdaError(RuntimeError):
    """A function gave no result; ``result_type`` is CloudFront's name for the reason."""

    def __init__(self, message: str, result_type: ResultType) -> None:
        super().__init__(message)
        self.result_type = result_type


class EdgeLambda:
    """Invokes numbered versions of functions."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def run(self, version_arn: str, event: dict[str, Any]) -> Any:
        """Return what the function returns for ``event``.

        Raises:
            EdgeLambdaError: it raised, is throttled, or cannot be invoked.
        """
        return await asyncio.to_thread(self._invoke, version_arn, json.dumps(event).encode())

    def _invoke(self, version_arn: str, event: bytes) -> Any:
        try:
            reply = self._client.invoke(FunctionName=version_arn, Payload=event)
        except ClientError as error:
            throttled = error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
            raise EdgeLambdaError(str(error), "LambdaLimitExceeded" if throttled else "LambdaExecutionError") from error
        except BotoCoreError as error:
            raise EdgeLambdaError(str(error), "LambdaExecutionError") from error
        payload = reply["Payload"].read()
        if "FunctionError" in reply:
            raise EdgeLambdaError(payload.decode(errors="replace")[:2000], "LambdaExecutionError")
        try:
            return json.loads(payload)
        except ValueError as error:
            raise EdgeLambdaError(f"expected JSON but received {payload[:200]!r}", "LambdaValidationError") from error
