"""The upload API: valid uploads, and invalid requests, which are refused with a reason and leave nothing."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx
import jwt
import pytest
from api_calls import TENANT, Caller, caller, checksum, cut, item, open_multiparts, original, stored, versions
from botocore.config import Config
from lane import wait_until

from infra.local.endpoint import CLIENT_CONFIG
from infra.local.stack import LocalStack
from infra.local.tenant import tenant_token
from lambdas.core.keys import OriginalKey, new_image_id
from lambdas.core.settings import load_settings
from lambdas.upload_api.s3_uploads import MultipartObject, SignedRequest, sign_form, sign_put
from lambdas.upload_api.upload_models import PartToSign, UploadRequest

MIB = 1024**2
SETTINGS = load_settings()
AUDIENCE = SETTINGS.auth.audience


@pytest.fixture(scope="module")
def demo(stack: LocalStack) -> Iterator[Caller]:
    yield from caller(stack)


@pytest.fixture(scope="module")
def large() -> bytes:
    """Return a file of three parts."""
    return os.urandom(12 * MIB)


def refused(answer: httpx.Response, status: int, expected: str) -> None:
    """Check that an answer is a problem document (RFC 9457) with the expected detail."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"].startswith(("expected ", "No ", "Image ", "Upload "))
    assert expected in problem["detail"]


@pytest.mark.parametrize("options", [{}, {"sha256": checksum(b"0123456789")}])
def test_a_small_file_is_uploaded_once(stack: LocalStack, demo: Caller, options: dict[str, str]) -> None:
    content = b"0123456789"
    begun = demo.begin(len(content), **options)
    sent = {"Content-Type": "image/jpeg", "If-None-Match": "*"}
    checked = {"x-amz-checksum-sha256": options["sha256"]} if options else {}
    assert (begun["kind"], begun["method"], begun["bytes"], begun["expires_in"]) == ("single", "PUT", 10, 900)
    assert begun["headers"] == {**sent, **checked}
    assert demo.ask("GET", f"/uploads/{begun['image_id']}").json()["state"] == "open"
    assert demo.put(begun, content).status_code == 200
    assert demo.ask("GET", f"/uploads/{begun['image_id']}").json()["state"] == "arrived"
    for again in (content, b"9876543210"):
        answer = demo.put(begun, again)
        assert answer.status_code in ({412} if again == content or not options else {400, 412}), answer.text
    assert original(stack, begun["image_id"]) == content
    assert len(versions(stack, begun["image_id"])) == 1


def test_a_large_file_is_uploaded_in_parts(stack: LocalStack, demo: Caller, large: bytes) -> None:
    begun = demo.begin(len(large))
    assert (begun["kind"], begun["part_bytes"], begun["part_count"]) == ("multipart", 5 * MIB, 3)
    parts = cut(large, begun["part_bytes"])
    etags = demo.send(begun["image_id"], parts)
    answer = demo.complete(begun["image_id"], sorted(etags.items()))
    assert answer.status_code == 200
    assert answer.json()["bytes"] == len(large)
    assert original(stack, begun["image_id"]) == large
    again = demo.complete(begun["image_id"], sorted(etags.items()))
    assert (again.status_code, again.json()) == (200, answer.json()), "a client that lost the answer asks again"


def test_arrived_parts_are_listed(demo: Caller, large: bytes) -> None:
    begun = demo.begin(len(large))
    parts = cut(large, begun["part_bytes"])
    etags = demo.send(begun["image_id"], {3: parts[3], 1: parts[1]})
    state = demo.ask("GET", f"/uploads/{begun['image_id']}").json()
    assert state["state"] == "open"
    assert [(part["number"], part["bytes"], part["sha256"]) for part in state["parts"]] == [
        (1, len(parts[1]), checksum(parts[1])),
        (3, len(parts[3]), checksum(parts[3])),
    ]
    assert [f'"{part["etag"]}"' for part in state["parts"]] == [etags[1], etags[3]]
    assert demo.ask("GET", f"/uploads/{begun['image_id']}", params={"after": 1}).json()["parts"] == state["parts"][1:]


def test_a_cancelled_upload_leaves_nothing(stack: LocalStack, demo: Caller, large: bytes) -> None:
    begun = demo.begin(len(large))
    image_id = begun["image_id"]
    demo.send(image_id, {1: cut(large, begun["part_bytes"])[1]})
    assert open_multiparts(stack, image_id)
    assert demo.ask("DELETE", f"/uploads/{image_id}").status_code == 204
    assert not open_multiparts(stack, image_id)
    refused(demo.ask("GET", f"/uploads/{image_id}"), 404, "No upload ")
    refused(demo.ask("DELETE", f"/uploads/{image_id}"), 404, "No upload ")


def test_an_upload_that_has_arrived_is_cancelled_for_good(stack: LocalStack, demo: Caller) -> None:
    begun = demo.begin(10)
    image_id = begun["image_id"]
    assert demo.put(begun, b"0123456789").status_code == 200
    assert demo.ask("DELETE", f"/uploads/{image_id}").status_code == 204
    assert not stored(stack, image_id)
    row = item(stack, stack.parameter("images-table"), image_id)
    assert row
    assert row["state"]["S"] == "removed"
    refused(demo.ask("GET", f"/uploads/{image_id}"), 404, "No upload ")


BODIES: dict[str, tuple[Any, int, str]] = {
    "no size": ({"content_type": "image/jpeg"}, 400, "bytes: "),
    "size as text": ({"content_type": "image/jpeg", "bytes": "10"}, 400, "bytes: "),
    "size below nothing": ({"content_type": "image/jpeg", "bytes": -1}, 400, "bytes: "),
    "half a byte": ({"content_type": "image/jpeg", "bytes": 0.5}, 400, "bytes: "),
    "too large": ({"content_type": "image/jpeg", "bytes": SETTINGS.limits.max_bytes + 1}, 413, "at most"),
    "wrong type": ({"content_type": "text/html", "bytes": 10}, 415, "a content_type among image/jpeg"),
    "no type": ({"bytes": 10}, 400, "content_type: "),
    "checksum that is none": ({"content_type": "image/jpeg", "bytes": 10, "sha256": "abc"}, 400, "sha256: "),
    "a key of its own": ({"content_type": "image/jpeg", "bytes": 10, "key": "globex/x"}, 400, "key: "),
    "another tenant": ({"content_type": "image/jpeg", "bytes": 10, "tenant": "globex"}, 400, "tenant: "),
    "a form": ({"content_type": "image/jpeg", "bytes": 10, "form": True}, 400, "uploads.forms is off"),
    "a form as text": ({"content_type": "image/jpeg", "bytes": 10, "form": "true"}, 400, "form: "),
    "a list": ([], 400, "body: "),
    "nothing": (None, 400, "body: "),
}


@pytest.mark.parametrize("case", BODIES)
def test_invalid_requests_are_explained(demo: Caller, case: str) -> None:
    body, status, expected = BODIES[case]
    refused(demo.ask("POST", "/uploads", body), status, expected)


@pytest.mark.parametrize(
    ("content", "content_type", "status", "expected"),
    [
        (b"{", "application/json", 400, "JSON in UTF-8"),
        (b"\xff\xfe", "application/json", 400, "JSON in UTF-8"),
        (b"[" * 20_000, "application/json", 400, "JSON in UTF-8"),
        (b"bytes=10", "application/x-www-form-urlencoded", 415, "application/json"),
        (b"x", "multipart/form-data", 415, "application/json"),
    ],
)
def test_a_body_that_is_not_json_is_refused(
    demo: Caller, content: bytes, content_type: str, status: int, expected: str
) -> None:
    headers = {"Authorization": f"Bearer {demo.token}", "Content-Type": content_type}
    answer = demo.http.post(f"{demo.stack.upload_api}/uploads", content=content, headers=headers)
    refused(answer, status, expected)


@pytest.mark.parametrize(
    ("method", "path", "status", "expected"),
    [
        ("GET", "/", 404, "/uploads"),
        ("PUT", "/uploads", 405, "POST"),
        ("PUT", f"/images/{'0' * 32}", 405, "DELETE or GET or PATCH"),
        ("GET", "/uploads/0123", 400, "32 lower-case hex digits"),
        ("GET", f"/uploads/{'A' * 32}", 400, "32 lower-case hex digits"),
        ("GET", f"/uploads/{'0' * 32}", 404, "No upload "),
        ("GET", f"/uploads/{'0' * 32}?after=x", 400, "after"),
    ],
)
def test_unknown_routes_are_explained(demo: Caller, method: str, path: str, status: int, expected: str) -> None:
    answer = demo.ask(method, path)
    refused(answer, status, expected)
    assert ("allow" in answer.headers) == (status == 405)


# Changes of the URL and the headers of an upload that names its SHA-256; more in test_emulator_s3.py.
PUTS: dict[str, tuple[Callable[[str, str], str], dict[str, str | None], bytes, str]] = {
    "a byte more": (lambda url, _id: url, {}, b"x" * 11, "SignatureDoesNotMatch"),
    "a byte less": (lambda url, _id: url, {}, b"x" * 9, "SignatureDoesNotMatch"),
    "other bytes": (lambda url, _id: url, {}, b"y" * 10, "BadDigest"),
    "another type": (lambda url, _id: url, {"Content-Type": "text/html"}, b"x" * 10, "SignatureDoesNotMatch"),
    # S3 compares the signature first; the emulator asks the bucket's policy first.
    "no condition": (lambda url, _id: url, {"If-None-Match": None}, b"x" * 10, ""),
    "no checksum": (lambda url, _id: url, {"x-amz-checksum-sha256": None}, b"x" * 10, "SignatureDoesNotMatch"),
    "a header more": (lambda url, _id: url, {"x-amz-acl": "public-read"}, b"x" * 10, "AccessDenied"),
    "another's key": (lambda url, _id: url.replace("/demo/", "/globex/"), {}, b"x" * 10, "SignatureDoesNotMatch"),
    "another key": (lambda url, id: url.replace(id, "0" * 32), {}, b"x" * 10, "SignatureDoesNotMatch"),
    "more time": (
        lambda url, _id: url.replace("Expires=900", "Expires=9000"), {}, b"x" * 10, "SignatureDoesNotMatch",
    ),
    "fewer signed headers": (
        lambda url, _id: url.replace("if-none-match%3B", ""), {"If-None-Match": None}, b"x" * 10, "",
    ),
    "no signature": (lambda url, _id: url.partition("?")[0], {}, b"x" * 10, "AccessDenied"),
}  # fmt: skip


@pytest.mark.parametrize("case", PUTS)
def test_the_bucket_accepts_only_what_was_signed(stack: LocalStack, demo: Caller, case: str) -> None:
    address, changes, content, code = PUTS[case]
    begun = demo.begin(10, sha256=checksum(b"x" * 10))
    url = address(begun["url"], begun["image_id"])
    assert (url != begun["url"]) or changes or content != b"x" * 10, "nothing was changed"
    headers = {name: value for name, value in {**begun["headers"], **changes}.items() if value is not None}
    answer = demo.http.put(url, content=content, headers=headers)
    assert (answer.status_code in {400, 403}, code in answer.text) == (True, True), answer.text
    assert not stored(stack, begun["image_id"])
    assert not stored(stack, "0" * 32)


def test_the_signed_url_does_nothing_but_put(stack: LocalStack, demo: Caller) -> None:
    begun = demo.begin(10)
    for method in ("GET", "HEAD", "POST", "DELETE"):
        assert demo.http.request(method, begun["url"], headers=begun["headers"]).status_code == 403, method
    assert not stored(stack, begun["image_id"])


def sign_single(stack: LocalStack, key: OriginalKey, seconds: int) -> SignedRequest:
    request = UploadRequest(content_type="image/jpeg", bytes=10)
    return sign_put(signing_client(stack), stack.parameter("originals-bucket"), key, request, seconds)


def test_an_expired_url_is_refused(stack: LocalStack, demo: Caller) -> None:
    key = OriginalKey(TENANT, datetime.now(UTC).date(), new_image_id())
    signed = sign_single(stack, key, 1)
    over = datetime.now(UTC) + timedelta(seconds=2)
    wait_until(lambda: datetime.now(UTC) > over, "the link's second to pass")
    answer = demo.http.put(signed["url"], content=b"x" * 10, headers=signed["headers"])
    assert (answer.status_code, "expired" in answer.text) == (403, True), answer.text
    assert not stored(stack, key.image_id)


# What a form's policy commits to, where uploads.forms is set. The emulator's root may post one: no policy binds it.
POSTS: dict[str, tuple[dict[str, str], bytes, str]] = {
    "a byte more": ({}, b"x" * 11, "EntityTooLarge"),
    "a byte less": ({}, b"x" * 9, "EntityTooSmall"),
    "other bytes": ({}, b"y" * 10, "BadDigest"),
    "another type": ({"Content-Type": "text/html"}, b"x" * 10, "AccessDenied"),
    "another's key": ({"key": "globex/2026-01-01/" + "0" * 32}, b"x" * 10, "AccessDenied"),
    "another picture's key": ({"key": "demo/2026-01-01/" + "0" * 32}, b"x" * 10, "AccessDenied"),
    "a field more": ({"acl": "public-read"}, b"x" * 10, "AccessDenied"),
    "another signature": ({"x-amz-signature": "0" * 64}, b"x" * 10, "SignatureDoesNotMatch"),
    "another checksum": ({"x-amz-checksum-sha256": checksum(b"other")}, b"x" * 10, "AccessDenied"),
}


@dataclass(frozen=True)
class Form:
    """A signed form for ten bytes."""

    http: httpx.Client
    url: str
    fields: dict[str, str]

    @property
    def image_id(self) -> str:
        return self.fields["key"].rpartition("/")[2]

    def post(self, content: bytes = b"x" * 10, **changes: str) -> httpx.Response:
        fields = {**self.fields, **changes}
        return self.http.post(self.url, data=fields, files={"file": ("file", content, "image/jpeg")})


def form(stack: LocalStack, demo: Caller, seconds: int = 60, sha256: str | None = None) -> Form:
    key = OriginalKey(TENANT, datetime.now(UTC).date(), new_image_id())
    request = UploadRequest(content_type="image/jpeg", bytes=10, sha256=sha256)
    signed = sign_form(signing_client(stack), stack.parameter("originals-bucket"), key, request, seconds)
    return Form(demo.http, signed["url"], signed["fields"])


@pytest.mark.parametrize("case", POSTS)
def test_a_form_accepts_only_what_was_signed(stack: LocalStack, demo: Caller, case: str) -> None:
    changes, content, code = POSTS[case]
    signed = form(stack, demo, sha256=checksum(b"x" * 10))
    answer = signed.post(content, **changes)
    assert (answer.status_code in {400, 403}, code in answer.text) == (True, True), answer.text
    assert not stored(stack, signed.image_id)
    assert not stored(stack, "0" * 32)


def test_a_tampered_policy_is_refused(stack: LocalStack, demo: Caller) -> None:
    signed = form(stack, demo)
    policy = json.loads(jwt.utils.base64url_decode(signed.fields["policy"]))
    for condition in policy["conditions"]:
        if isinstance(condition, list) and condition[0] == "content-length-range":
            condition[2] = 10**9
    widened = jwt.utils.base64url_encode(json.dumps(policy).encode()).decode()
    answer = signed.post(b"x" * 1000, policy=widened + "=" * (-len(widened) % 4))
    assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True), answer.text
    assert not stored(stack, signed.image_id)


def test_an_unsigned_post_is_refused(stack: LocalStack, demo: Caller) -> None:
    signed = form(stack, demo)
    fields = {"key": signed.fields["key"], "Content-Type": "image/jpeg"}
    answer = demo.http.post(signed.url, data=fields, files={"file": b"x" * 10})
    assert answer.status_code == 403, answer.text
    assert not stored(stack, signed.image_id)


def test_an_expired_form_is_refused(stack: LocalStack, demo: Caller) -> None:
    for seconds, status in ((-1, 403), (60, 204)):
        signed = form(stack, demo, seconds)
        answer = signed.post()
        assert answer.status_code == status, answer.text
        assert bool(stored(stack, signed.image_id)) == (status == 204)


def signing_client(stack: LocalStack) -> Any:
    return boto3.client(
        "s3", stack.endpoint.region, endpoint_url=stack.endpoint.url,
        config=CLIENT_CONFIG.merge(Config(signature_version="s3v4")),
        aws_access_key_id=stack.keys.access_key, aws_secret_access_key=stack.keys.secret_key,
    )  # fmt: skip


def test_an_expired_part_is_refused(stack: LocalStack, demo: Caller, large: bytes) -> None:
    image_id = demo.begin(len(large))["image_id"]
    [key] = open_multiparts(stack, image_id)
    s3, bucket = signing_client(stack), stack.parameter("originals-bucket")
    [begun] = [each for each in s3.list_multipart_uploads(Bucket=bucket)["Uploads"] if each["Key"] == key]
    part = PartToSign(number=1, sha256=checksum(large[: 5 * MIB]))
    signed = MultipartObject(s3, bucket, key, begun["UploadId"]).sign(part, 5 * MIB, 1)
    over = datetime.now(UTC) + timedelta(seconds=2)
    wait_until(lambda: datetime.now(UTC) > over, "the link's second to pass")
    answer = demo.http.put(signed.url, content=large[: 5 * MIB], headers=signed.headers)
    assert (answer.status_code, "expired" in answer.text) == (403, True), answer.text
    assert demo.ask("GET", f"/uploads/{image_id}").json()["parts"] == []


def test_a_part_accepts_only_the_signed_bytes(stack: LocalStack, demo: Caller, large: bytes) -> None:
    begun = demo.begin(len(large))
    image_id, parts = begun["image_id"], cut(large, begun["part_bytes"])
    (signed,) = demo.sign(image_id, {1: parts[1]})
    url, headers = signed["url"], signed["headers"]
    wrong: list[tuple[str, bytes, dict[str, str]]] = [
        (url, parts[2], headers),  # other bytes for the same part
        (url, parts[1][:-1], headers),
        (url, parts[1] + b"x", headers),
        (url, parts[1], {}),  # without the signed checksum
        (url, parts[2], {"x-amz-checksum-sha256": checksum(parts[2])}),
        (url.replace("partNumber=1", "partNumber=2"), parts[1], headers),
        (url.replace(image_id, "0" * 32), parts[1], headers),
        (url.partition("?")[0] + "?partNumber=1", parts[1], {}),
    ]
    for address, content, sent in wrong:
        answer = demo.http.put(address, content=content, headers=sent)
        assert answer.status_code in {400, 403}, answer.text
    assert demo.ask("GET", f"/uploads/{image_id}").json()["parts"] == []
    assert not stored(stack, image_id)


PARTS: dict[str, tuple[Any, str]] = {
    "none": ([], "parts: "),
    "number nought": ([{"number": 0, "sha256": checksum(b"")}], "parts.0.number: "),
    "beyond the last": ([{"number": 4, "sha256": checksum(b"")}], "a part from 1 to 3"),
    "no checksum": ([{"number": 1}], "parts.0.sha256: "),
    "too many": ([{"number": 1, "sha256": checksum(b"")}] * 101, "at most 100 parts"),
}


@pytest.mark.parametrize("case", PARTS)
def test_invalid_parts_are_not_signed(demo: Caller, large: bytes, case: str) -> None:
    parts, expected = PARTS[case]
    begun = demo.begin(len(large))
    refused(demo.ask("POST", f"/uploads/{begun['image_id']}/parts", {"parts": parts}), 400, expected)


def test_completion_needs_all_parts_in_order(stack: LocalStack, demo: Caller, large: bytes) -> None:
    begun = demo.begin(len(large))
    image_id, parts = begun["image_id"], cut(large, begun["part_bytes"])
    refused(demo.complete(image_id, [(1, "a"), (2, "b"), (3, "c")]), 409, "missing: 1, 2, 3")
    etags = demo.send(image_id, {1: parts[1], 2: parts[2]})
    one, two = etags[1], etags[2]
    refused(demo.complete(image_id, [(1, one), (2, two)]), 409, "missing: 3")
    refused(demo.complete(image_id, [(1, one), (2, two), (3, two)]), 409, "missing: 3")
    three = demo.send(image_id, {3: parts[3]})[3]
    refused(demo.complete(image_id, [(2, two), (1, one), (3, three)]), 400, "ascending order but received 2, 1, 3")
    refused(demo.complete(image_id, [(1, one), (1, one), (2, two), (3, three)]), 400, "each part once")
    refused(demo.complete(image_id, [(1, one), (2, two)]), 409, "missing: 3")
    refused(demo.complete(image_id, [(1, one), (2, two), (3, three), (4, three)]), 400, "parts 1 to 3")
    refused(demo.complete(image_id, [(1, one), (2, one), (3, three)]), 409, "of part 2")
    assert not stored(stack, image_id)
    assert demo.complete(image_id, [(1, one), (2, two), (3, three)]).status_code == 200
    assert original(stack, image_id) == large


def test_a_single_upload_has_no_parts(demo: Caller) -> None:
    image_id = demo.begin(10)["image_id"]
    signing = {"parts": [{"number": 1, "sha256": checksum(b"")}]}
    refused(demo.ask("POST", f"/uploads/{image_id}/parts", signing), 409, "it is sent in one piece")
    refused(demo.complete(image_id, [(1, "a")]), 409, "it is sent in one piece")


def test_another_tenants_upload_is_404(stack: LocalStack, demo: Caller, large: bytes) -> None:
    begun = demo.begin(len(large))
    image_id = begun["image_id"]
    images = stack.parameter("images-table")
    key = {"TableName": images, "Key": {"image_id": {"S": image_id}}}
    stack.client("dynamodb").update_item(
        **key, UpdateExpression="SET tenant = :other", ExpressionAttributeValues={":other": {"S": "globex"}}
    )
    signing = {"parts": [{"number": 1, "sha256": checksum(b"")}]}
    for answer in (
        demo.ask("GET", f"/uploads/{image_id}"),
        demo.ask("POST", f"/uploads/{image_id}/parts", signing),
        demo.complete(image_id, [(1, "a")]),
        demo.ask("DELETE", f"/uploads/{image_id}"),
        demo.ask("GET", f"/images/{image_id}"),
        demo.ask("DELETE", f"/images/{image_id}"),
    ):
        refused(answer, 404, f"{image_id} for tenant {TENANT}")
    assert open_multiparts(stack, image_id)
    assert item(stack, images, image_id)


def test_an_expired_upload_is_404(stack: LocalStack, demo: Caller) -> None:
    image_id = demo.begin(10)["image_id"]
    stack.client("dynamodb").update_item(
        TableName=stack.parameter("images-table"),
        Key={"image_id": {"S": image_id}},
        UpdateExpression="SET expires_at = :now",
        ExpressionAttributeValues={":now": {"N": str(int(time.time()) - 1)}},
    )
    refused(demo.ask("GET", f"/uploads/{image_id}"), 404, "No upload ")


def test_expired_parts_cannot_be_completed(stack: LocalStack, demo: Caller, large: bytes) -> None:
    begun = demo.begin(len(large))
    image_id = begun["image_id"]
    etags = demo.send(image_id, cut(large, begun["part_bytes"]))
    s3, bucket = stack.client("s3"), stack.parameter("originals-bucket")
    (open_upload,) = [
        each for each in s3.list_multipart_uploads(Bucket=bucket)["Uploads"] if each["Key"].endswith(image_id)
    ]
    s3.abort_multipart_upload(Bucket=bucket, Key=open_upload["Key"], UploadId=open_upload["UploadId"])
    refused(demo.complete(image_id, sorted(etags.items())), 410, "has expired")
    refused(demo.ask("GET", f"/uploads/{image_id}"), 410, "has expired")
    assert not stored(stack, image_id)


def unsigned() -> str:
    claims = {"iss": TENANT, "aud": AUDIENCE, "exp": 2**33, "scope": "images:write"}
    return jwt.encode(claims, None, algorithm="none", headers={"kid": "demo"})


TOKENS: dict[str, tuple[str | None, str]] = {
    "none at all": (None, "but received none"),
    "garbage": ("garbage", "a JSON Web Token"),
    "alg none": (unsigned(), "received alg 'none'"),
    "a stranger's key": (
        jwt.encode({"iss": TENANT, "aud": AUDIENCE, "exp": 2**33}, "k" * 32, headers={"kid": "stranger"}),
        "a key of a tenant (kid)",
    ),
    "oversized": ("x" * 5000, "at most 4096 bytes"),
}


@pytest.mark.parametrize("case", TOKENS)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/uploads"), ("GET", "/images"), ("DELETE", f"/images/{'0' * 32}"), ("GET", "/nowhere")],
)
def test_every_route_refuses_invalid_tokens(demo: Caller, case: str, method: str, path: str) -> None:
    token, expected = TOKENS[case]
    answer = replace(demo, token=token).ask(method, path, {"content_type": "image/jpeg", "bytes": 10})
    refused(answer, 401, expected)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_expired_token_is_refused(stack: LocalStack, demo: Caller) -> None:
    over = tenant_token(stack, TENANT, life=timedelta(seconds=-60))
    refused(replace(demo, token=over).ask("GET", "/images"), 401, "received one that has (exp)")


@pytest.mark.parametrize(
    ("method", "path", "body", "scope"),
    [
        ("POST", "/uploads", {"content_type": "image/jpeg", "bytes": 10}, "images:write"),
        ("GET", "/images", None, "images:read"),
        ("GET", f"/images/{'0' * 32}", None, "images:read"),
        ("DELETE", f"/images/{'0' * 32}", None, "images:delete"),
        ("POST", f"/images/{'0' * 32}/token", {}, "images:share"),
    ],
)
def test_a_token_grants_only_its_scopes(
    stack: LocalStack, demo: Caller, method: str, path: str, body: Any, scope: str
) -> None:
    others = frozenset({"images:write", "images:read", "images:delete", "images:share"} - {scope})
    narrow = replace(demo, token=tenant_token(stack, TENANT, scopes=others))
    answer = narrow.ask(method, path, body)
    refused(answer, 403, f"the scope {scope}")
    assert f'scope="{scope}"' in answer.headers["www-authenticate"]


PREFLIGHT = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}


@pytest.mark.parametrize("path", ["/uploads", f"/images/{'0' * 32}", "/no/such/path"])
def test_a_browsers_preflight_needs_no_token(demo: Caller, path: str) -> None:
    answer = replace(demo, token=None).ask("OPTIONS", path, headers=PREFLIGHT)
    assert answer.status_code == 204
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert set(answer.headers["access-control-allow-methods"].split(",")) >= {"GET", "POST", "DELETE"}


def test_without_its_route_a_preflight_goes_to_the_authorizer(stack: LocalStack, demo: Caller) -> None:
    api = stack.client("apigatewayv2")
    api_id = next(
        each["ApiId"] for each in api.get_apis()["Items"] if each["Name"] == f"{stack.settings.prefix}-upload"
    )
    routes = {route["RouteKey"]: route for route in api.get_routes(ApiId=api_id)["Items"]}
    open_route = routes["OPTIONS /{proxy+}"]
    api.delete_route(ApiId=api_id, RouteId=open_route["RouteId"])
    try:
        answer = replace(demo, token=None).ask("OPTIONS", "/uploads", headers=PREFLIGHT)
    finally:
        api.create_route(ApiId=api_id, RouteKey=open_route["RouteKey"], Target=open_route["Target"])
    assert not answer.is_success
    assert "access-control-allow-methods" not in answer.headers


def test_the_openapi_document_is_public_and_describes_every_route(stack: LocalStack, demo: Caller) -> None:
    document = replace(demo, token=None).ask("GET", "/openapi.json").json()
    assert document["openapi"].startswith("3.")
    routes = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert routes == {
        ("POST", "/uploads"),
        ("GET", "/uploads/{image_id}"),
        ("DELETE", "/uploads/{image_id}"),
        ("POST", "/uploads/{image_id}/parts"),
        ("POST", "/uploads/{image_id}/complete"),
        ("GET", "/images"),
        ("GET", "/images/{image_id}"),
        ("DELETE", "/images/{image_id}"),
        ("POST", "/images/{image_id}/token"),
        ("POST", "/images/{image_id}/release"),
        ("PATCH", "/images/{image_id}"),
    }
    for method, path in sorted(routes):
        address = path.replace("{image_id}", new_image_id())
        answer = replace(demo, token=None).ask(method, address, {})
        refused(answer, 401, "Authorization: Bearer")
