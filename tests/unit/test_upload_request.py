import json
from typing import Any

import pytest

from lambdas.settings import load_settings
from lambdas.upload.problem import ProblemError
from lambdas.upload.request import parse_upload_request

SETTINGS = load_settings()
GOOD = {"tenant": "demo", "content_type": "image/jpeg", "bytes": 1000}


def test_a_good_request() -> None:
    request = parse_upload_request(json.dumps(GOOD), SETTINGS)
    assert (request.tenant, request.content_type, request.bytes, request.private) == ("demo", "image/jpeg", 1000, False)


@pytest.mark.parametrize(
    "fields",
    [
        {"private": True},
        {"bytes": 0},
        {"bytes": SETTINGS.limits.max_bytes},
        {"content_type": "application/octet-stream"},
    ],
)
def test_what_is_allowed_too(fields: dict[str, Any]) -> None:
    parse_upload_request(json.dumps({**GOOD, **fields}), SETTINGS)


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ("", 400, "body"),
        ("{", 400, "Invalid JSON"),
        ("[]", 400, "an object but received a list"),
        ("{}", 400, "tenant: Field required; content_type: Field required; bytes: Field required"),
        ({"bytes": -1}, 400, "bytes: Input should be greater than or equal to 0 but received '-1'"),
        ({"bytes": 1.5}, 400, "bytes: Input should be a valid integer"),
        ({"bytes": "1000"}, 400, "bytes: Input should be a valid integer but received '1000'"),
        ({"bytes": True}, 400, "bytes: Input should be a valid integer but received 'True'"),
        ({"bytes": None}, 400, "bytes: Input should be a valid integer but received 'None'"),
        ({"private": "no"}, 400, "private: Input should be a valid boolean"),
        ({"tenant": "../demo"}, 400, "tenant: String should match pattern"),
        ({"tenant": ["demo"]}, 400, "tenant: Input should be a valid string"),
        ({"key": "demo/2026-11-23/x"}, 400, "key: Extra inputs are not permitted"),
        ({"tenant": "stranger"}, 403, "expected a known tenant but received 'stranger'"),
        ({"bytes": SETTINGS.limits.max_bytes + 1}, 413, "expected at most"),
        ({"content_type": "image/svg+xml"}, 415, "but received 'image/svg+xml'"),
        ({"content_type": ""}, 415, "but received ''"),
    ],
)
def test_what_is_refused_and_how(body: str | dict[str, Any], status: int, detail: str) -> None:
    text = body if isinstance(body, str) else json.dumps({**GOOD, **body})
    with pytest.raises(ProblemError) as refused:
        parse_upload_request(text, SETTINGS)
    response = refused.value.to_response()
    document = json.loads(response.body or "")
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    assert (document["status"], document["type"]) == (status, "about:blank")
    assert detail in document["detail"]
    assert document["title"]


def test_each_wrong_field_is_named_by_itself() -> None:
    with pytest.raises(ProblemError) as refused:
        parse_upload_request(json.dumps({"tenant": "demo", "bytes": -1}), SETTINGS)
    assert [error["field"] for error in refused.value.errors] == ["content_type", "bytes"]
