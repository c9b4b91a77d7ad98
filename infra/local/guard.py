"""Who may use a port of the local stack: its owner, by a credential, from this machine's own addresses.

A browser sends requests to loopback for any page. It names the page in ``Origin``, and after DNS rebinding the page's
host in ``Host``.
"""

import hmac
import re
from urllib.parse import parse_qs

from botocore.credentials import Credentials
from ministack.core import sigv4
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

TOKEN_VARIABLE = "DARKROOM_TOKEN"  # noqa: S105  # the name of a variable
TOKEN_HEADER = "x-darkroom-token"  # noqa: S105  # the name of a header
# S3 Control's and the KeyValueStore's clients name the account before the host: no name server resolves that.
_LOOPBACK = re.compile(r"(?:(?:\d{12}\.)?127\.0\.0\.1|localhost)(?::\d{1,5})?")
_UNSIGNED = ("MissingAuthenticationToken", "Request is missing Authentication Token")


def values(scope: Scope, name: str) -> list[str]:
    """Return every value of a request's header, by its lower-case name."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name.encode()]


def is_foreign_host(scope: Scope) -> bool:
    """Return whether a request names another host than loopback, or none."""
    hosts = values(scope, "host")
    return len(hosts) != 1 or not _LOOPBACK.fullmatch(hosts[0])


def is_foreign_origin(scope: Scope) -> bool:
    """Return whether a page sent the request that this port did not serve."""
    own = [f"http://{host}" for host in values(scope, "host")]
    return any(origin not in own for origin in values(scope, "origin"))


def has_token(scope: Scope, token: str) -> bool:
    """Return whether a request has the stack's token."""
    return any(hmac.compare_digest(value.encode(), token.encode()) for value in values(scope, TOKEN_HEADER))


def signature_failure(scope: Scope, body: bytes, credentials: Credentials) -> tuple[str, str] | None:
    """Return why a request is not one that ``credentials`` signed by SigV4 just now: AWS's code and message."""
    headers = {name: ",".join(values(scope, name)) for name in {key.decode("latin-1") for key, _ in scope["headers"]}}
    if not headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
        return _UNSIGNED
    signature = sigv4.parse_header_signature(headers)
    if isinstance(signature, tuple):
        return signature
    if signature.access_key_id != credentials.access_key:
        return "InvalidClientTokenId", "The security token included in the request is invalid."
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    path = scope["raw_path"].decode("latin-1").partition("?")[0]
    failure: tuple[str, str] | None = sigv4.request_time_failure(signature) or sigv4.header_signature_failure(
        signature, credentials.secret_key, scope["method"], path, query, headers, body
    )
    return failure


class Guard:
    """ASGI middleware that refuses requests for other hosts and of other pages.

    Credentials are checked by the application behind it, which knows their kind.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403."""
        if scope["type"] == "lifespan" or not (is_foreign_host(scope) or is_foreign_origin(scope)):
            await self._application(scope, receive, send)
        else:
            await refuse(scope, receive, send, "expected a request for this machine's address, of no other page")


async def refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    """Refuse a request with 403, or a WebSocket before it opens."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
    else:
        await JSONResponse({"message": reason}, 403)(scope, receive, send)
