"""Keys of a CloudFront KeyValueStore in the emulator, by its HTTP API.

boto3 signs this service with SigV4a, which needs a native library, and sends it to a host name before the
endpoint's, which an address such as 127.0.0.1 cannot have. The emulator takes plain SigV4 at any host.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from infra.local.endpoint import ACCESS_KEY, SECRET_KEY, Endpoint

_SERVICE = "cloudfront-keyvaluestore"


def put_keys(endpoint: Endpoint, arn: str, pairs: Mapping[str, str]) -> None:
    """Write ``pairs`` to the store ``arn``, all or none.

    Raises:
        httpx.HTTPStatusError: the emulator refused.
    """
    store = _send(endpoint, "GET", arn)
    puts = [{"Key": key, "Value": value} for key, value in pairs.items()]
    _send(endpoint, "POST", f"{arn}/keys", {"Puts": puts}, {"If-Match": store.headers["ETag"]})


def list_keys(endpoint: Endpoint, arn: str) -> dict[str, str]:
    """Return all keys of the store ``arn`` with their values.

    Raises:
        httpx.HTTPStatusError: the emulator refused.
    """
    items: dict[str, str] = {}
    query = ""
    while True:
        page = _send(endpoint, "GET", f"{arn}/keys{query}").json()
        items |= {item["Key"]: item["Value"] for item in page.get("Items", [])}
        if not page.get("NextToken"):
            return items
        query = f"?NextToken={quote(page['NextToken'], safe='')}"


def _send(
    endpoint: Endpoint, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    url = f"{endpoint.url}/key-value-stores/{path}"
    request = AWSRequest(
        method,
        url,
        data=json.dumps(body) if body is not None else None,
        headers={"Content-Type": "application/json", **(headers or {})},
    )
    SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), _SERVICE, endpoint.region).add_auth(request)
    with httpx.Client(trust_env=False) as client:
        response = client.request(method, url, content=request.data, headers=dict(request.headers))
    return response.raise_for_status()
