"""Origin-request function (Lambda@Edge): on a cache miss, has a missing derivative made before CloudFront asks S3.

Deployed as a single file that uses only the runtime's boto3. Lambda@Edge has no environment variables: the
configuration arrives in the origin's custom headers.
"""

import json
import re
import time
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

Request = dict[str, Any]
Response = dict[str, Any]

GENERATOR_HEADER = "x-darkroom-generator"
REGION_HEADER = "x-darkroom-region"
NOT_FOUND_SECONDS_HEADER = "x-darkroom-not-found-seconds"
FALLBACK_HEADER = "x-darkroom-fallback"
"""Marks the replica, which CloudFront asks only if the primary bucket fails: nothing is made for it."""

NO_STORE = "no-store"
"""The Cache-Control of a 5xx, and of every response for a private image but the image itself."""

RETRY_AFTER_SECONDS = 5
_OK, _MISSING = 200, 404
_OF_THE_IMAGE = ("unknown_image", "rejected", "removed", "held")
_NEVER = (*_OF_THE_IMAGE, "not_on_ladder", "too_costly")
# An origin event has 30 s in all. If a bucket does not answer within 2 s, CloudFront fails over.
_HEAD = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
_INVOKE = Config(connect_timeout=2, read_timeout=24, retries={"total_max_attempts": 1})

_PRIVATE_PATH = "/p-"
_DERIVATIVE = re.compile(r"/((?:p-)?[0-9a-f]{32})/([1-9]\d{0,4}x\d{1,5}\.(?:avif|webp|jpeg|png))", re.ASCII)
_BUCKET_DOMAIN = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3[.-](?P<region>[a-z0-9-]+)\.amazonaws\.com")


class Derivative(NamedTuple):
    """The image and variant of a path: the generator's input."""

    image_id: str
    variant: str


class Bucket(NamedTuple):
    """An S3 origin."""

    name: str
    region: str


def parse_path(uri: str) -> Derivative | None:
    """Read ``/{imageId}/{w}x{h}.{format}``; None if ``uri`` is not a derivative's path."""
    match = _DERIVATIVE.fullmatch(uri)
    return Derivative(match[1], match[2]) if match else None


def parse_bucket(domain_name: str) -> Bucket:
    """Read the domain of an S3 origin, ``{bucket}.s3.{region}.amazonaws.com``.

    Raises:
        ValueError: it is another domain.
    """
    match = _BUCKET_DOMAIN.fullmatch(domain_name)
    if not match:
        raise ValueError(f"expected bucket.s3.region.amazonaws.com for the origin but received {domain_name!r}")
    return Bucket(match["bucket"], match["region"])


def custom_header(request: Request, name: str) -> str | None:
    """Return the value of a custom header of the S3 origin, or None."""
    values = request["origin"]["s3"].get("customHeaders", {}).get(name)
    return values[0]["value"] if values else None


def not_found(uri: str, seconds: str, message: str) -> Response:
    """Return the 404 for ``uri``: cacheable for ``seconds``, ``no-store`` for a private image.

    CloudFront itself caches both for the distribution's ErrorCachingMinTTL, behind the token check.
    """
    is_private = uri.startswith(_PRIVATE_PATH)
    cache_control = NO_STORE if is_private else f"public, max-age={seconds}"
    return _response("404", "Not Found", message, {"Cache-Control": cache_control})


def unavailable(message: str) -> Response:
    """Return a 503 that is not cached and names when to retry."""
    headers = {"Cache-Control": NO_STORE, "Retry-After": str(RETRY_AFTER_SECONDS)}
    return _response("503", "Service Unavailable", message, headers)


def answer(request: Request, outcome: str, not_found_seconds: str) -> Request | Response:
    """Return the ``request``, to continue to S3 after the generator's ``outcome``, or the response to send instead."""
    if outcome in ("made", "exists"):
        return request
    if outcome == "not_yet":
        return unavailable("The picture has not arrived yet; try again")
    if outcome in _NEVER:
        return not_found(request["uri"], not_found_seconds, f"No such derivative: {outcome}")
    return unavailable(f"The generator returned an unknown outcome: {outcome[:80]!r}")


class Refusals:
    """Images that the generator refused as a whole, for a while: other variants of theirs are not asked for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = 10_000) -> None:
        self._clock = clock
        self._most = most
        self._until: dict[str, tuple[float, str]] = {}

    def find(self, image_id: str) -> str | None:
        """Return why ``image_id`` was refused, or None."""
        until, outcome = self._until.get(image_id, (0.0, ""))
        return outcome if until > self._clock() else None

    def keep(self, image_id: str, outcome: str, seconds: float) -> None:
        """Keep a refusal for ``seconds``; the oldest one goes if there are too many."""
        self._until.pop(image_id, None)
        if len(self._until) >= self._most:
            del self._until[next(iter(self._until))]
        self._until[image_id] = (self._clock() + seconds, outcome)


_refusals = Refusals()


def handler(event: dict[str, Any], _context: object) -> Request | Response:
    """Handle a CloudFront origin-request event: return its request unchanged, or a 404 or 503."""
    request: Request = event["Records"][0]["cf"]["request"]
    generator, fallback = custom_header(request, GENERATOR_HEADER), custom_header(request, FALLBACK_HEADER)
    if generator is None and fallback is None:
        return request
    not_found_seconds = custom_header(request, NOT_FOUND_SECONDS_HEADER) or "0"
    derivative = parse_path(request["uri"])
    if derivative is None:
        return not_found(request["uri"], not_found_seconds, "expected /imageId/variant but received another path")
    bucket = parse_bucket(request["origin"]["s3"]["domainName"])
    known = _refusals.find(derivative.image_id)
    if known is not None and generator is not None:
        return not_found(request["uri"], not_found_seconds, f"No such derivative: {known}")
    status = _head(bucket, request["uri"].lstrip("/"))
    if generator is None:
        # The image may exist in the primary bucket: a 404 of the replica must not be cached.
        return (
            request if status == _OK else unavailable("Neither the primary bucket nor the replica answered; try again")
        )
    if status != _MISSING:
        return request  # any other error: CloudFront will meet it at S3 itself, and fail over
    region = custom_header(request, REGION_HEADER) or bucket.region
    try:
        outcome = _generate(region, generator, derivative)
    except (BotoCoreError, ClientError, ValueError) as error:
        return unavailable(f"The generator did not answer: {type(error).__name__}; try again")
    if outcome in _OF_THE_IMAGE:
        _refusals.keep(derivative.image_id, outcome, float(not_found_seconds))
    return answer(request, outcome, not_found_seconds)


def _response(status: str, description: str, message: str, headers: dict[str, str]) -> Response:
    all_headers = {**headers, "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return {
        "status": status,
        "statusDescription": description,
        "headers": {name.lower(): [{"key": name, "value": value}] for name, value in all_headers.items()},
        "body": message + "\n",
    }


@cache
def _client(service: str, region: str, config: Config) -> Any:
    return boto3.client(service, region_name=region, config=config)  # type: ignore[call-overload]


def _head(bucket: Bucket, key: str) -> int:
    """Return the status of a HEAD request for ``key``; 503 if ``bucket`` does not answer."""
    try:
        _client("s3", bucket.region, _HEAD).head_object(Bucket=bucket.name, Key=key)
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    except BotoCoreError:
        return 503
    return _OK


def _generate(region: str, generator: str, derivative: Derivative) -> str:
    """Have ``derivative`` made and return the generator's outcome.

    Raises:
        ClientError: the generator is throttled or may not be invoked.
        BotoCoreError: it cannot be reached or took too long.
        ValueError: it failed, or its response has no status.
    """
    reply = _client("lambda", region, _INVOKE).invoke(
        FunctionName=generator, Payload=json.dumps(derivative._asdict()).encode()
    )
    payload = json.loads(reply["Payload"].read())
    if "FunctionError" in reply or not isinstance(payload, dict) or not isinstance(payload.get("status"), str):
        raise ValueError(f"expected a status from the generator but received {str(payload)[:200]}")
    outcome: str = payload["status"]
    return outcome
