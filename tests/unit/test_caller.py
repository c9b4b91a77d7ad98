from typing import Any

import pytest

from lambdas.upload_api.caller import read_caller
from lambdas.upload_api.problem import ProblemError


def event(context: object) -> dict[str, Any]:
    return {"requestContext": {"authorizer": {"lambda": context}}}


def test_the_caller_comes_from_the_authorizer() -> None:
    caller = read_caller(event({"tenant": "acme", "subject": "ann", "scopes": "images:read"}))
    assert (caller.tenant, caller.subject, caller.scopes) == ("acme", "ann", {"images:read"})


@pytest.mark.parametrize(
    ("request_event", "status", "challenge"),
    [
        ({}, 401, "Bearer"),
        ({"requestContext": {}}, 401, "Bearer"),
        ({"requestContext": {"authorizer": None}}, 401, "Bearer"),
        (event(None), 401, "Bearer"),
        (event({}), 401, "Bearer"),
        (event({"tenant": ""}), 401, "Bearer"),
        (event({"tenant": ["acme"]}), 401, "Bearer"),
        (event({"scopes": "images:read"}), 401, "Bearer"),
        (event({"refusal": "expected a", "refusal_kind": "missing"}), 401, "Bearer"),
        (event({"refusal": "expected a", "refusal_kind": "invalid_token"}), 401, 'Bearer error="invalid_token"'),
        (event({"tenant": "acme", "refusal": "expected a", "refusal_kind": "missing"}), 401, "Bearer"),
        (event({"refusal": "expected a", "refusal_kind": "unavailable"}), 503, None),
    ],
)
def test_requests_without_a_tenant_are_refused(
    request_event: dict[str, Any], status: int, challenge: str | None
) -> None:
    with pytest.raises(ProblemError, match=r"^expected ") as caught:
        read_caller(request_event)
    assert caught.value.status == status
    assert caught.value.headers.get("WWW-Authenticate") == challenge


def test_a_missing_scope_is_named() -> None:
    caller = read_caller(event({"tenant": "acme", "scopes": "images:read"}))
    caller.require("images:read")
    with pytest.raises(ProblemError, match="the scope images:delete but received one with images:read") as caught:
        caller.require("images:delete")
    assert caught.value.status == 403
