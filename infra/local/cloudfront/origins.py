"""Origins: S3 buckets behind origin access control, the origin-request function before each, failover between them.

The emulator's S3 knows no service principals, so a fetch cannot be signed as CloudFront's. The bucket's policy
decides all the same: it is read at every fetch and evaluated by the emulator's own evaluator for the principal
``cloudfront.amazonaws.com`` with the distribution's ARN as ``aws:SourceArn``.
"""

import asyncio
import dataclasses
import logging
from collections import Counter
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

from infra.local.cloudfront.cache_policy import forwarded_headers, forwarded_query
from infra.local.cloudfront.distribution import Behavior, S3Origin
from infra.local.cloudfront.edge_lambda import (
    EdgeLambda,
    EdgeLambdaError,
    LambdaResultError,
    apply_to_origin,
    origin_request_event,
)
from infra.local.cloudfront.exchange import Response, ResultType, ViewerRequest, error_page
from infra.local.cloudfront.viewer_events import EventContext

_SERVICE = "cloudfront.amazonaws.com"


class OriginAccess:
    """Reads bucket policies for one distribution."""

    def __init__(self, s3: Any, distribution_arn: str) -> None:
        self._s3 = s3
        self._arn = distribution_arn

    def grants(self, bucket: str, key: str, region: str) -> tuple[bool, bool]:
        """Return whether the policy of ``bucket`` grants reading ``key``, and whether it grants listing.

        Without the latter S3 responds 403 for a missing key, so as not to reveal that it is missing.
        """
        policy = self._policy(bucket)
        if policy is None:
            return False, False
        arn = f"arn:aws:s3:::{bucket}"
        read = self._allows(policy, "s3:GetObject", f"{arn}/{key}", region)
        return read, self._allows(policy, "s3:ListBucket", arn, region)

    def _policy(self, bucket: str) -> str | None:
        try:
            return str(self._s3.get_bucket_policy(Bucket=bucket)["Policy"])
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise

    def _allows(self, policy: str, action: str, resource: str, region: str) -> bool:
        context = EvalContext(
            principal_arn="*",
            principal_type="Service",
            principal_account="",
            action=action,
            resource_arn=resource,
            region=region,
            secure_transport=True,  # CloudFront uses HTTPS to S3
            service_context={"aws:sourcearn": self._arn, "aws:sourceaccount": self._arn.split(":")[4]},
        )
        return bool(evaluate_resource_policy(policy, context, service=_SERVICE).decision == "Allow")


# Hop-by-hop headers, and those that only direct clients of S3 get.
_NOT_PASSED_ON = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length"}
    | {"x-amz-request-id", "x-amz-id-2", "x-amzn-requestid"}
)


class S3Fetcher:
    """Gets objects from the emulator's S3 if the bucket's policy allows it to the distribution."""

    def __init__(self, endpoint: str, credentials: Credentials, access: OriginAccess) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._credentials = credentials
        self._access = access
        self._http = httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=64))

    async def fetch(self, origin: S3Origin, path: str, headers: dict[str, str]) -> Response:
        """Return the bucket's response to a GET of ``path``.

        An origin that cannot be reached is a 503, one that does not respond in time a 504, as the failover of an
        origin group counts them.

        Args:
            origin: the bucket.
            path: percent-encoded, from the leading slash.
            headers: those of the request: what the cache key takes in, and validators.
        """
        key = unquote(origin.path + path).lstrip("/")
        try:
            async with asyncio.timeout(origin.whole_seconds):
                read, listing = await asyncio.to_thread(self._grants, origin, key)
                if not read:
                    return _s3_error(403, "AccessDenied", "Access Denied", key)
                response = await self._get(origin, path, headers)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
            return error_page(504, "The origin did not response in time.")
        except (httpx.HTTPError, BotoCoreError, ClientError) as error:
            return error_page(503, f"The origin could not be reached: {type(error).__name__}.")
        if response.status == 404 and not listing:
            return _s3_error(403, "AccessDenied", "Access Denied", key)
        return response

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _grants(self, origin: S3Origin, key: str) -> tuple[bool, bool]:
        # An unsigned request is anonymous, and checked by the emulator's S3 itself.
        return self._access.grants(origin.bucket, key, origin.region) if origin.signed else (True, True)

    async def _get(self, origin: S3Origin, path: str, headers: dict[str, str]) -> Response:
        url = f"{self._endpoint}/{origin.bucket}{origin.path}{path}"
        request = AWSRequest("GET", url, headers={**headers, **origin.custom_headers, "accept-encoding": "identity"})
        if origin.signed:
            S3SigV4Auth(self._credentials, "s3", origin.region).add_auth(request)
        timeout = httpx.Timeout(origin.read_seconds, connect=origin.connect_seconds)
        for attempt in range(1, origin.connect_attempts + 1):
            try:
                reply = await self._http.get(url, headers=_headers(request), timeout=timeout)
                break
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout):
                if attempt == origin.connect_attempts:
                    raise
        passed_on = [(name, value) for name, value in reply.headers.multi_items() if name not in _NOT_PASSED_ON]
        return Response(reply.status_code, httpx.Headers(passed_on), reply.content)


def _headers(request: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in request.headers.items()}


def _s3_error(status: int, code: str, message: str, key: str) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message><Resource>/{escape(key)}</Resource></Error>"
    )
    return Response(status, httpx.Headers({"content-type": "application/xml", "server": "AmazonS3"}), body.encode())


logger = logging.getLogger(__name__)


class Origins:
    """Requests what the cache lacks from the origins of a behavior."""

    def __init__(self, fetcher: S3Fetcher, lambdas: EdgeLambda) -> None:
        self._fetcher = fetcher
        self._lambdas = lambdas
        self.served: Counter[str] = Counter()
        """Answers of each origin that viewers were given, by the origin's id."""

    async def ask(
        self, behavior: Behavior, request: ViewerRequest, context: EventContext, conditions: dict[str, str]
    ) -> tuple[Response, ResultType]:
        """Return the first origin's response, or the next one's where its status is one to fail over on.

        Args:
            behavior: its origins are requested in order.
            request: what the viewer-request function made of the request.
            context: for the origin-request function's event.
            conditions: validators of what the cache has, stale.
        """
        # A HEAD is sent on as a GET, so that the cache is filled for both.
        asked = dataclasses.replace(request, method="GET")
        *first_ones, last = behavior.origins
        for origin in first_ones:
            response, result_type = await self._ask_one(behavior, origin, asked, context, conditions)
            if result_type != "Error" or response.status not in behavior.failover:
                return response, result_type
            logger.warning("origin %s answered %d: failing over", origin.origin_id, response.status)
        return await self._ask_one(behavior, last, asked, context, conditions)

    async def _ask_one(
        self,
        behavior: Behavior,
        origin: S3Origin,
        request: ViewerRequest,
        context: EventContext,
        conditions: dict[str, str],
    ) -> tuple[Response, ResultType]:
        path, sent = request.path, forwarded_headers(behavior.cache, request)
        version = behavior.lambdas.get("origin-request")
        if version is not None:
            event = origin_request_event(context, request, origin, forwarded_query(behavior.cache, request), sent)
            try:
                decided = apply_to_origin(await self._lambdas.run(version, event), path, origin)
            except EdgeLambdaError as error:
                logger.warning("origin-request function: %s", error)
                return error_page(
                    503, "The Lambda function associated with the distribution failed."
                ), error.result_type
            except LambdaResultError as error:
                logger.warning("origin-request function: %s", error)
                return error_page(502, "The Lambda function returned an invalid result."), "LambdaValidationError"
            if isinstance(decided, Response):
                return decided, "LambdaGeneratedResponse"
            path, origin = decided
        response = await self._fetcher.fetch(origin, path, {**sent, **conditions})
        if response.status < 400:
            self.served[origin.origin_id] += 1
        return response, "Error" if response.status >= 400 else "Miss"
