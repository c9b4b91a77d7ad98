"""What settings change about POST /uploads: the handler in this process, with other settings than the stack's."""

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import httpx
import pytest
from api_calls import TENANT, checksum, item, original, stored
from botocore.config import Config

from infra.local.endpoint import ACCOUNT, CLIENT_CONFIG
from infra.local.stack import LocalStack
from infra.names import Names
from lambdas.core import clients, observability
from lambdas.core.access.grants import ALL_SCOPES, format_scopes
from lambdas.core.settings import Settings

CONTENT = b"0123456789"
Request = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def request_upload(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Request]:
    """Return a function that sends a body to POST /uploads under changed settings: ``uploads={"forms": True}``."""
    name = Names(stack.settings, ACCOUNT).function("upload_api")
    deployed = stack.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    for variable, value in {**deployed, **stack.environment()}.items():
        monkeypatch.setenv(variable, value)
    # Read once, when the module is imported, which another test may have done.
    monkeypatch.setattr(observability.metrics.provider, "namespace", deployed["POWERTOOLS_METRICS_NAMESPACE"])
    from lambdas.upload_api import resources, upload_routes
    from lambdas.upload_api.handler import handler

    context: Any = SimpleNamespace(
        function_name=name,
        memory_limit_in_mb=512,
        aws_request_id="test",
        invoked_function_arn=f"arn:aws:lambda:::{name}",
    )
    cached = (clients.s3, clients.dynamodb, resources.variables)

    def send(body: dict[str, Any], **tables: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        changed = {name: getattr(stack.settings, name).model_copy(update=table) for name, table in tables.items()}
        settings: Settings = stack.settings.model_copy(update=changed)
        monkeypatch.setattr(upload_routes, "load_settings", lambda: settings)
        scopes = format_scopes(frozenset(ALL_SCOPES))
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/uploads",
            "headers": {"content-type": "application/json"},
            "body": json.dumps({"content_type": "image/jpeg", "bytes": len(CONTENT), **body}),
            "requestContext": {
                "http": {"method": "POST", "path": "/uploads"},
                "stage": "$default",
                "authorizer": {"lambda": {"tenant": TENANT, "subject": "test", "scopes": scopes}},
            },
        }
        answer = handler(event, context)
        return answer["statusCode"], json.loads(answer["body"])

    for cache in cached:
        cache.cache_clear()
    yield send
    for cache in cached:
        cache.cache_clear()


def post(begun: dict[str, Any]) -> httpx.Response:
    fields, file = begun["fields"], {"file": ("file", CONTENT, "image/jpeg")}
    return httpx.request(begun["method"], begun["url"], data=fields, files=file, trust_env=False)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, "single"),
        ({"form": False}, "single"),
        ({"form": True}, "form"),
        ({"bytes": 50_000_000}, "multipart"),
        ({"bytes": 50_000_000, "form": True}, "form"),
    ],
)
def test_where_forms_are_on_a_client_chooses(request_upload: Request, body: dict[str, Any], kind: str) -> None:
    status, begun = request_upload(body, uploads={"forms": True})
    assert (status, begun["kind"]) == (201, kind)


def test_a_form_uploads_a_file(stack: LocalStack, request_upload: Request) -> None:
    status, begun = request_upload({"form": True, "sha256": checksum(CONTENT)}, uploads={"forms": True})
    assert (status, begun["kind"], begun["method"], begun["bytes"]) == (201, "form", "POST", 10)
    assert begun["expires_in"] == stack.settings.uploads.link_seconds
    assert item(stack, stack.parameter("images-table"), begun["image_id"])
    # The deployed policy refuses forms to every role; this process signs as the emulator's root, which no policy binds.
    assert post(begun).status_code == 204
    assert original(stack, begun["image_id"]) == CONTENT


def test_the_deployed_policy_refuses_the_functions_own_form(
    stack: LocalStack, request_upload: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = Names(stack.settings, ACCOUNT).function("upload_api")
    role = stack.client("lambda").get_function_configuration(FunctionName=name)["Role"]
    credentials = stack.client("sts").assume_role(RoleArn=role, RoleSessionName="forms")["Credentials"]
    from lambdas.upload_api import upload_routes

    client = boto3.client(
        "s3", stack.endpoint.region, endpoint_url=stack.endpoint.url,
        config=CLIENT_CONFIG.merge(Config(signature_version="s3v4")),
        aws_access_key_id=credentials["AccessKeyId"], aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )  # fmt: skip
    monkeypatch.setattr(upload_routes, "s3", lambda: client)
    _, begun = request_upload({"form": True}, uploads={"forms": True})
    answer = post(begun)
    assert (answer.status_code, "AccessDenied" in answer.text) == (403, True), answer.text
    assert not stored(stack, begun["image_id"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, 400),
        ({"sha256": checksum(CONTENT)}, 201),
        ({"bytes": 50_000_000}, 201),
        ({"form": True}, 400),
        ({"form": True, "sha256": checksum(CONTENT)}, 201),
    ],
)
def test_locked_originals_need_a_checksum(request_upload: Request, body: dict[str, Any], expected: int) -> None:
    status, answer = request_upload(body, uploads={"forms": True}, storage={"object_lock": True})
    assert status == expected
    assert expected == 201 or answer["detail"].startswith("expected sha256, since originals are locked here")
