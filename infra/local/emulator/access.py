"""Patches to the emulator so that nobody uses it without credentials, as nobody uses AWS.

- The account's root key is the stack's own, and its signature is verified. The emulator takes any of four kinds of
  key for root, unverified.
- Credentials of functions cannot be computed from their names.
- A request needs a signature, a form of S3 its signed policy; the API Gateway is public, as its authorizers have it.
- A page of another origin reaches the API Gateway and S3 only, which answer by their CORS rules.
- What the emulator has and AWS has not, such as its reset, needs the stack's token.

Each patch first checks what it replaces: with another version of the emulator the start fails.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.local.emulator.patching import original
from infra.local.guard import has_token, is_foreign_host, is_foreign_origin, refuse, values

Refusal = tuple[int, str, str]
_CONNECTIONS = "/@connections/"
# A custom resource's function answers there, as on AWS at a presigned URL: its token is random and used once.
_CALLBACK = "/_ministack/cfn-response/"
_DENIED = (403, "AccessDenied", "Access Denied")
_UNSIGNED = (403, "MissingAuthenticationToken", "Request is missing Authentication Token")
_FOREIGN = (403, "AccessDenied", "expected a request for this machine's address, of no other page")
_NO_TOKEN = (403, "AccessDenied", "expected the stack's token")
_TWICE = (400, "InvalidArgument", "Only one auth mechanism allowed")
_CREDENTIAL = re.compile(r"AWS4-(?:HMAC|ECDSA-P256)-SHA256 .*\bCredential=[^/,\s]+/")


def apply_patches(access_key: str, secret_key: str, token: str) -> None:
    """Patch the emulator's modules in this process.

    Raises:
        PatchError: a patched name is not there.
    """
    from ministack import app
    from ministack.core import iam_evaluator, lambda_runtime
    from ministack.services import lambda_svc, sts

    _verify_root(iam_evaluator, sts, access_key)
    _hide_function_credentials(lambda_runtime, lambda_svc, secret_key)
    _remove_unsigned_services(app)
    app.app = Door(original(app, "app"), app, token)


def _verify_root(iam_evaluator: Any, sts: Any, access_key: str) -> None:
    for module in (iam_evaluator, sts):
        original(module, "is_root_access_key")
        # No key at all is one of the API Gateway's callers, or a form's, which S3 verifies.
        module.is_root_access_key = lambda key: key in ("", None, access_key)
    original(iam_evaluator, "_is_root_key")
    # Decides whose signature is not verified.
    iam_evaluator._is_root_key = lambda key: not key


def _hide_function_credentials(lambda_runtime: Any, lambda_svc: Any, secret_key: str) -> None:
    derive: Callable[[Mapping[str, Any]], dict[str, str]] = original(lambda_runtime, "execution_credentials")
    original(lambda_svc, "execution_credentials")

    def derive_from_secret(config: Mapping[str, Any]) -> dict[str, str]:
        # Of the role's ARN, its last part names the role; all of it is hashed with the function's.
        return derive({**config, "Role": f"{secret_key}/{config.get('Role', '')}"})

    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = derive_from_secret


def _remove_unsigned_services(app: Any) -> None:
    """Remove services with addresses of their own that need no signature: Cognito's pages, ECR's registry."""

    async def nothing(*_arguments: Any) -> None:
        return None

    for name in ("_handle_cognito_get_request", "_handle_cognito_body_request", "_handle_ecr_registry_request"):
        original(app, name)
        setattr(app, name, nothing)


class Door:
    """The emulator's ASGI application, behind the checks that need no body."""

    def __init__(self, application: ASGIApp, app: Any, token: str) -> None:
        self._application = application
        self._app = app
        self._token = token
        self._parse_api = original(app, "_parse_execute_api_url")
        self._cors_target = original(app, "_s3_cors_target")
        self._detect = original(app, "detect_service")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "websocket":
            await refuse(scope, receive, send, "expected HTTP")
            return
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._application(scope, receive, send)
            return
        status, code, message = refusal
        body, kind = json.dumps({"__type": code, "message": message}).encode(), "application/json"
        if self._is_s3(scope):
            _, headers, body = self._app._get_module("s3")._error(code, message, status)
            kind = headers["Content-Type"]
        await Response(body, status, media_type=kind)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        path, method = scope["path"], scope["method"]
        if is_foreign_host(scope):
            return _FOREIGN
        public = self._parse_api(values(scope, "host")[0], path) is not None and _CONNECTIONS not in path
        if public:
            return None
        if path.startswith(_CALLBACK) and method == "PUT" and not values(scope, "origin"):
            return None
        if path.startswith("/_"):
            return _FOREIGN if is_foreign_origin(scope) else None if has_token(scope, self._token) else _NO_TOKEN
        is_s3 = self._is_s3(scope)
        if is_foreign_origin(scope) and not is_s3:
            return _FOREIGN
        if is_s3 and (method == "OPTIONS" or _is_form(scope)):
            return None
        by_query, headers = _is_signed_by_query(scope), values(scope, "authorization")
        if by_query + len(headers) > 1:
            return _TWICE  # the emulator may verify one, and take the principal of the other
        if by_query or any(map(_CREDENTIAL.match, headers)):
            return None  # it is verified later
        return _DENIED if is_s3 else _UNSIGNED

    def _is_s3(self, scope: Scope) -> bool:
        headers = {name: values(scope, name)[0] for name in ("host", "x-amz-target", "authorization", "content-type")
                   if values(scope, name)}  # fmt: skip
        if scope["path"].startswith("/_") or self._cors_target(headers.get("host", ""), scope["path"]) is None:
            return False
        return bool(self._detect(scope["method"], scope["path"], headers, _query(scope)) == "s3")


def _query(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _is_form(scope: Scope) -> bool:
    """Return whether a request is an upload by a form, whose signed policy is among its fields."""
    kind = values(scope, "content-type")
    is_bucket = "/" not in scope["path"].strip("/")
    unsigned = not values(scope, "authorization") and not scope["query_string"]
    return scope["method"] == "POST" and is_bucket and unsigned and kind[:1] != [] and kind[0].startswith("multipart/")


def _is_signed_by_query(scope: Scope) -> bool:
    query = _query(scope)
    return (
        query.get("X-Amz-Algorithm") == ["AWS4-HMAC-SHA256"]
        and len(query.get("X-Amz-Signature", [])) == 1
        and len(query.get("X-Amz-Credential", [])) == 1
        and not query["X-Amz-Credential"][0].startswith("/")
    )
