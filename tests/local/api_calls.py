"""Requests to the API as a tenant makes them, without the client's retries, and what the bucket then holds."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx

from infra.local.stack import LocalStack
from infra.local.tenant import tenant_token
from lambdas.core.access.grants import ALL_SCOPES, Scope

TENANT = "demo"


@dataclass(frozen=True)
class Caller:
    """Someone with a token, or with whatever stands in its place."""

    stack: LocalStack
    http: httpx.Client
    token: str | None

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
        headers |= options.pop("headers", {})
        return self.http.request(method, self.stack.upload_api + path, json=body, headers=headers, **options)

    def begin(self, size: int, **options: Any) -> dict[str, Any]:
        answer = self.ask("POST", "/uploads", {"content_type": "image/jpeg", "bytes": size, **options})
        assert answer.status_code == 201, answer.text
        begun: dict[str, Any] = answer.json()
        return begun

    def sign(self, image_id: str, parts: dict[int, bytes]) -> list[dict[str, Any]]:
        wanted = [{"number": number, "sha256": checksum(part)} for number, part in parts.items()]
        answer = self.ask("POST", f"/uploads/{image_id}/parts", {"parts": wanted})
        assert answer.status_code == 200, answer.text
        signed: list[dict[str, Any]] = answer.json()["parts"]
        return signed

    def send(self, image_id: str, parts: dict[int, bytes]) -> dict[int, str]:
        """Send parts, and return the ETag of each."""
        etags = {}
        for signed, part in zip(self.sign(image_id, parts), parts.values(), strict=True):
            answer = self.http.put(signed["url"], content=part, headers=signed["headers"])
            assert answer.status_code == 200, answer.text
            etags[signed["number"]] = answer.headers["etag"]
        return etags

    def complete(self, image_id: str, etags: list[tuple[int, str]]) -> httpx.Response:
        parts = [{"number": number, "etag": etag} for number, etag in etags]
        return self.ask("POST", f"/uploads/{image_id}/complete", {"parts": parts})

    def put(self, begun: dict[str, Any], content: bytes) -> httpx.Response:
        """Send a file as a single upload's answer says."""
        return self.http.request(begun["method"], begun["url"], content=content, headers=begun["headers"])


def caller(stack: LocalStack, scopes: frozenset[Scope] = frozenset(ALL_SCOPES)) -> Iterator[Caller]:
    with httpx.Client(trust_env=False, timeout=60) as http:
        yield Caller(stack, http, tenant_token(stack, TENANT, scopes=scopes))


def checksum(content: bytes) -> str:
    return base64.b64encode(sha256(content).digest()).decode()


def cut(content: bytes, part_bytes: int) -> dict[int, bytes]:
    starts = range(0, len(content), part_bytes)
    return {number: content[start : start + part_bytes] for number, start in enumerate(starts, start=1)}


def stored(stack: LocalStack, image_id: str) -> list[str]:
    """Return the keys of the originals bucket that end in ``image_id``."""
    pages = stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=stack.parameter("originals-bucket"))
    return [entry["Key"] for page in pages for entry in page.get("Contents", []) if entry["Key"].endswith(image_id)]


def versions(stack: LocalStack, image_id: str) -> list[str]:
    """Return the versions and delete markers of the original of ``image_id``."""
    pages = (
        stack.client("s3").get_paginator("list_object_versions").paginate(Bucket=stack.parameter("originals-bucket"))
    )
    return [
        entry["VersionId"]
        for page in pages
        for entry in page.get("Versions", []) + page.get("DeleteMarkers", [])
        if entry["Key"].endswith(image_id)
    ]


def original(stack: LocalStack, image_id: str) -> bytes:
    (key,) = stored(stack, image_id)
    answer = stack.client("s3").get_object(Bucket=stack.parameter("originals-bucket"), Key=key)
    content: bytes = answer["Body"].read()
    return content


def open_multiparts(stack: LocalStack, image_id: str) -> list[str]:
    answer = stack.client("s3").list_multipart_uploads(Bucket=stack.parameter("originals-bucket"))
    return [each["Key"] for each in answer.get("Uploads", []) if each["Key"].endswith(image_id)]


def item(stack: LocalStack, table: str, image_id: str) -> dict[str, Any] | None:
    answer = stack.client("dynamodb").get_item(TableName=table, Key={"image_id": {"S": image_id}}, ConsistentRead=True)
    found: dict[str, Any] | None = answer.get("Item")
    return found
