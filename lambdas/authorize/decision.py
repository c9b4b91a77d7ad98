"""What the authorizer tells the API of a caller.

An HTTP API answers a denial with the fixed text ``{"message":"Forbidden"}``, whatever the reason. So that
a refused caller reads what was expected, a refusal travels to the API as its context and the API, whose
every route asks for a tenant, answers with a problem document. A context without a tenant opens nothing.
"""

from collections.abc import Callable, Mapping
from typing import TypedDict

from lambdas.core.access.refusal import AccessRefusedError
from lambdas.core.access.scopes import Grant, format_scopes

_SCHEME = "bearer"


class Decision(TypedDict):
    """An authorizer's simple response (payload format 2.0)."""

    isAuthorized: bool
    context: dict[str, str]


def bearer_token(headers: Mapping[str, str]) -> str:
    """Return the token of the request's ``Authorization`` header.

    Args:
        headers: their names in lower case, as an HTTP API sends them.

    Raises:
        AccessRefusedError: there is no bearer token.
    """
    value = headers.get("authorization", "")
    if not value:
        raise AccessRefusedError("expected the header Authorization: Bearer <token> but received none", "missing")
    scheme, _, token = value.partition(" ")
    if scheme.lower() != _SCHEME or not token.strip():
        raise AccessRefusedError(f"expected Authorization: Bearer <token> but received the scheme {scheme[:20]!r}")
    return token.strip()


def decide(headers: Mapping[str, str], verify: Callable[[str], Grant]) -> Decision:
    """Verify the caller's token and say what comes of it."""
    try:
        grant = verify(bearer_token(headers))
    except AccessRefusedError as error:
        return {"isAuthorized": True, "context": {"refusal": error.message, "refusal_kind": error.kind}}
    context = {"tenant": grant.tenant, "subject": grant.subject, "scopes": format_scopes(grant.scopes)}
    return {"isAuthorized": True, "context": context}
