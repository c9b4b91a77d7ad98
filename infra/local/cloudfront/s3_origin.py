"""Fetches from an S3 origin, as CloudFront with origin access control does them."""

import asyncio
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.cloudfront.distribution import S3Origin
from infra.local.cloudfront.exchange import Answer, error_page
from infra.local.cloudfront.origin_access import OriginAccess

# Of one hop, or told only to whoever asks S3 itself.
_NOT_PASSED_ON = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length"}
    | {"x-amz-request-id", "x-amz-id-2", "x-amzn-requestid"}
)


class S3Fetcher:
    """Asks the emulator's S3 for objects, once the bucket's policy has let the distribution in."""

    def __init__(self, endpoint: str, credentials: Credentials, access: OriginAccess) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._credentials = credentials
        self._access = access
        self._http = httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=64))

    async def fetch(self, origin: S3Origin, path: str, headers: dict[str, str]) -> Answer:
        """Return what the bucket says of a GET for ``path``.

        An origin that cannot be reached is a 503, one that does not answer in time a 504, as the failover of an
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
                answer = await self._get(origin, path, headers)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
            return error_page(504, "The origin did not answer in time.")
        except (httpx.HTTPError, BotoCoreError, ClientError) as error:
            return error_page(503, f"The origin could not be reached: {type(error).__name__}.")
        if answer.status == 404 and not listing:
            return _s3_error(403, "AccessDenied", "Access Denied", key)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _grants(self, origin: S3Origin, key: str) -> tuple[bool, bool]:
        # What is not signed is anonymous to S3, which the emulator's S3 judges by itself.
        return self._access.grants(origin.bucket, key, origin.region) if origin.signed else (True, True)

    async def _get(self, origin: S3Origin, path: str, headers: dict[str, str]) -> Answer:
        url = f"{self._endpoint}/{origin.bucket}{origin.path}{path}"
        request = AWSRequest("GET", url, headers={**headers, **origin.custom_headers, "accept-encoding": "identity"})
        if origin.signed:
            S3SigV4Auth(self._credentials, "s3", origin.region).add_auth(request)
        timeout = httpx.Timeout(origin.read_seconds, connect=origin.connect_seconds)
        for attempt in range(1, origin.connect_attempts + 1):
            try:
                response = await self._http.get(url, headers=_headers(request), timeout=timeout)
                break
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout):
                if attempt == origin.connect_attempts:
                    raise
        passed_on = [(name, value) for name, value in response.headers.multi_items() if name not in _NOT_PASSED_ON]
        return Answer(response.status_code, httpx.Headers(passed_on), response.content)


def _headers(request: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in request.headers.items()}


def _s3_error(status: int, code: str, message: str, key: str) -> Answer:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message><Resource>/{escape(key)}</Resource></Error>"
    )
    return Answer(status, httpx.Headers({"content-type": "application/xml", "server": "AmazonS3"}), body.encode())
