import pytest

from lambdas.authorize.handler import decide
from lambdas.core.access.grants import AccessRefusedError, Grant

GRANT = Grant("acme", "ann", frozenset({"images:write", "images:read"}))


def verify(token: str) -> Grant:
    if token != "good":
        raise AccessRefusedError("expected a good token but received another")
    return GRANT


@pytest.mark.parametrize("header", ["Bearer good", "bearer good", "BEARER  good "])
def test_a_valid_token_returns_its_tenant_and_scopes(header: str) -> None:
    assert decide({"authorization": header}, verify) == {
        "isAuthorized": True,
        "context": {"tenant": "acme", "subject": "ann", "scopes": "images:write images:read"},
    }


@pytest.mark.parametrize(
    ("headers", "kind", "reason"),
    [
        ({}, "missing", "received none"),
        ({"authorization": ""}, "missing", "received none"),
        ({"authorization": "Basic Z29vZA=="}, "invalid_token", "received the scheme 'Basic'"),
        ({"authorization": "good"}, "invalid_token", "received the scheme 'good'"),
        ({"authorization": "Bearer"}, "invalid_token", "received the scheme 'Bearer'"),
        ({"authorization": "Bearer bad"}, "invalid_token", "received another"),
    ],
)
def test_a_refusal_returns_its_reason_and_no_tenant(headers: dict[str, str], kind: str, reason: str) -> None:
    context = decide(headers, verify)["context"]
    assert "tenant" not in context
    assert context["refusal_kind"] == kind
    assert reason in context["refusal"]
