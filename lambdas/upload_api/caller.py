"""The caller, as the authorizer identified it: a tenant and scopes, or a refusal with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from lambdas.core.access.grants import Scope, parse_scopes
from lambdas.upload_api.problem import ProblemError

_RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant, and what the token permits."""

    tenant: str
    subject: str
    scopes: frozenset[Scope]

    def require(self, scope: Scope) -> None:
        """Refuse a caller without ``scope``.

        Raises:
            ProblemError: 403.
        """
        if scope not in self.scopes:
            received = " ".join(sorted(self.scopes)) or "none"
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                f"expected a token with the scope {scope} but received one with {received}",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
            )


def read_caller(event: Mapping[str, Any]) -> Caller:
    """Return the caller of an HTTP API's event (payload format 2.0).

    Raises:
        ProblemError: 401 without a valid token; 503 if the token could not be verified.
    """
    context = ((event.get("requestContext") or {}).get("authorizer") or {}).get("lambda") or {}
    tenant = context.get("tenant")
    # A route without its authorizer has no context: access is refused.
    if not isinstance(tenant, str) or not tenant or "refusal" in context:
        raise _refusal(context)
    return Caller(tenant, str(context.get("subject", tenant)), parse_scopes(context.get("scopes")))


def _refusal(context: Mapping[str, Any]) -> ProblemError:
    detail = str(context.get("refusal", "expected a request that the authorizer accepted but received another"))
    match context.get("refusal_kind"):
        case "unavailable":
            return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(_RETRY_SECONDS)})
        case "invalid_token":
            challenge = 'Bearer error="invalid_token"'
        case _:
            challenge = "Bearer"
    return ProblemError(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})
