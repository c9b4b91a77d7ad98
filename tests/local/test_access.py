"""Who is refused at which port of the local stack, and with what."""

import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from infra.local.endpoint import ACCOUNT
from infra.local.guard import TOKEN_HEADER
from infra.local.stack import LocalStack

PAGE = "http://localhost:1"
REBOUND = "attacker.example:4566"
FUNCTIONS = "/2015-03-31/functions/"
JOBS = "/v20180820/jobs"
QUERY = {"x-amz-target": "AmazonAthena.StartQueryExecution", "content-type": "application/x-amz-json-1.1"}
HARM = json.dumps({"FunctionName": "harm", "Code": {}, "Role": "r", "Handler": "h", "Runtime": "python3.13"}).encode()


@dataclass(frozen=True)
class Attempt:
    """A request, and what it is refused with: a status and a part of the answer."""

    port: str
    method: str
    path: str
    status: int
    answer: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    signed: str | None = None  # for this service, by the owner
    key: tuple[str, str] | None = None  # in place of the owner's
    token: bool = False  # sent along

    def __str__(self) -> str:
        said = " ".join(f"{name}={value}" for name, value in self.headers.items())
        by = f" signed for {self.signed} by {self.key[0] if self.key else 'the owner'}" if self.signed else ""
        return f"{self.port} {self.method} {self.path} {said}{by}{' with the token' if self.token else ''}"

    def send(self, stack: LocalStack) -> httpx.Response:
        port = getattr(stack.ports, self.port)
        url = f"http://127.0.0.1:{port}{self.path.format(api=urlsplit(stack.upload_api).path)}"
        request = AWSRequest(self.method, url, headers=dict(self.headers), data=self.body)
        if self.signed:
            keys = self.key or (stack.keys.access_key, stack.keys.secret_key)
            SigV4Auth(Credentials(*keys), self.signed, "us-east-1").add_auth(request)
        headers = {name: str(value) for name, value in request.headers.items()}
        if self.token:
            headers |= stack.owner_headers
        return httpx.request(self.method, url, headers=headers, content=self.body, trust_env=False, timeout=60)


MISSING, UNKNOWN = "MissingAuthenticationToken", "security token included in the request is invalid"
DENIED, MISMATCH = "AccessDenied", "signature"
FOREIGN = "this machine's address"
REFUSED = [
    # Another host: a page after DNS rebinding, which is of the same origin.
    *(
        Attempt(port, "GET", path, 403, FOREIGN, {"host": host}, token=True)
        for host in (REBOUND, "127.0.0.1.attacker.example", "localhost.attacker.example:80", "127.0.0.2", "")
        for port, path in (("emulator", "/"), ("emulator", "{api}/openapi.json"), ("emulator", "/_ministack/health"),
                           ("edge", "/_edge/stats"), ("edge", "/img/x"), ("athena", "/"), ("batch", JOBS))
    ),
    # Another page, even one that knows the token or holds a signature.
    *(
        Attempt(port, method, path, 403, FOREIGN if port != "edge" else "no other page", {"origin": origin}, token=True)
        for origin in (PAGE, "null", "https://attacker.example")
        for port, method, path in (
            ("emulator", "POST", "/_ministack/reset"), ("emulator", "POST", FUNCTIONS), ("emulator", "OPTIONS", "/"),
            ("emulator", "OPTIONS", FUNCTIONS), ("emulator", "GET", "/"), ("batch", "POST", JOBS),
            ("edge", "GET", "/_edge/stats"), ("edge", "POST", "/_edge/invalidate"), ("athena", "POST", "/"),
            ("athena", "OPTIONS", "/"),
        )
    ),
    Attempt("emulator", "POST", FUNCTIONS, 403, FOREIGN, {"origin": PAGE}, HARM, "lambda"),
    Attempt("athena", "POST", "/", 403, FOREIGN, {"origin": PAGE, **QUERY}, b"{}", "athena"),
    Attempt("batch", "GET", JOBS, 403, FOREIGN, {"origin": PAGE, "x-amz-account-id": ACCOUNT}, b"", "s3"),
    # No credential.
    Attempt("emulator", "POST", FUNCTIONS, 403, MISSING, body=HARM),
    Attempt("emulator", "POST", FUNCTIONS, 403, MISSING, {"authorization": "Bearer x"}, HARM),
    Attempt("emulator", "POST", "/", 403, MISSING, {"content-type": "application/x-www-form-urlencoded"},
            b"Action=CreateUser&UserName=harm"),
    Attempt("emulator", "GET", "/", 403, MISSING),
    Attempt("emulator", "GET", "/darkroom-dev-originals-000000000000-us-east-1", 403, DENIED),
    Attempt("emulator", "GET", "/v2/_catalog", 403, MISSING),
    Attempt("emulator", "POST", "/oauth2/token", 403, MISSING),
    *(
        Attempt("emulator", method, path, 403, "stack's token", {TOKEN_HEADER: "guessed"})
        for method, path in (
            ("GET", "/_ministack/health"), ("GET", "/_localstack/health"), ("POST", "/_ministack/reset"),
            ("POST", "/_ministack/config"), ("GET", "/_ministack/sqs/messages"), ("GET", "/_ministack/lambda-code/x"),
            ("POST", "/_ministack/rds/iam-auth"), ("POST", "/_ministack/eks-auth/x"), ("GET", "/_aws/ses"),
        )
    ),
    *(
        Attempt("edge", method, f"/_edge/{action}", 403, "stack's token", {TOKEN_HEADER: "guessed"})
        for method, action in (("GET", "health"), ("GET", "stats"), ("POST", "flush"), ("POST", "invalidate"),
                               ("POST", "explain"))
    ),
    Attempt("athena", "POST", "/", 403, MISSING, QUERY, b"{}"),
    Attempt("batch", "GET", JOBS, 403, MISSING, {"x-amz-account-id": ACCOUNT}),
    Attempt("batch", "GET", "/_batch/health", 403, "stack's token"),
    # The credentials that emulators take from everybody, an account's number, the right key with a guessed secret.
    *(
        Attempt(port, method, path, 400 if service == "athena" else 403, message, {**headers},
                b"{}" if method == "POST" else b"", service, (key, "test"))
        for key, message in (("test", UNKNOWN), (ACCOUNT, UNKNOWN), ("1" * 12, UNKNOWN))
        for port, method, path, service, headers in (
            ("emulator", "POST", FUNCTIONS, "lambda", {}), ("emulator", "POST", "/", "athena", QUERY),
            ("athena", "POST", "/", "athena", QUERY),
        )
    ),
    *(
        Attempt("batch", "GET", JOBS, 403, "InvalidAccessKeyId", {"x-amz-account-id": ACCOUNT}, b"", "s3", key)
        for key in (("test", "test"), (ACCOUNT, "test"), ("1" * 12, "test"))
    ),
]  # fmt: skip


@pytest.mark.parametrize("attempt", REFUSED, ids=str)
def test_refused(stack: LocalStack, attempt: Attempt) -> None:
    answer = attempt.send(stack)
    assert (answer.status_code, attempt.answer in answer.text) == (attempt.status, True), answer.text
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("port", "path", "service", "headers"),
    [("emulator", FUNCTIONS, "lambda", {}), ("athena", "/", "athena", QUERY),
     ("batch", JOBS, "s3", {"x-amz-account-id": ACCOUNT})],
)  # fmt: skip
def test_the_owners_key_needs_its_secret(
    stack: LocalStack, port: str, path: str, service: str, headers: dict[str, str]
) -> None:
    key = (stack.keys.access_key, "guessed")
    answer = Attempt(port, "POST", path, 403, "", headers, b"{}", service, key).send(stack)
    assert (answer.status_code, "signature" in answer.text) == (403, True), answer.text


@pytest.mark.parametrize("second", ["header", "query"])
def test_two_credentials_are_refused(stack: LocalStack, second: str) -> None:
    """Or one would be verified, and the other one's rights used."""
    iam, user = stack.client("iam"), f"nobody-{second}"
    iam.create_user(UserName=user)
    pair = iam.create_access_key(UserName=user)["AccessKey"]
    owner = f"AWS4-HMAC-SHA256 Credential={stack.keys.access_key}/20260101/us-east-1/s3/aws4_request"
    client = presigner(stack, pair["AccessKeyId"], pair["SecretAccessKey"])
    url = client.generate_presigned_url("list_objects_v2", Params={"Bucket": stack.parameter("derivatives-bucket")})
    try:
        assert httpx.get(url, trust_env=False).status_code == 403
        headers = (
            [("authorization", owner)]
            if second == "query"
            else [("authorization", "Bearer x"), ("authorization", owner)]
        )
        address = url if second == "query" else url.partition("?")[0]
        answer = httpx.get(address, headers=headers, trust_env=False)
        assert (answer.status_code, "Only one auth mechanism" in answer.text) == (400, True), answer.text
    finally:
        iam.delete_access_key(UserName=user, AccessKeyId=pair["AccessKeyId"])
        iam.delete_user(UserName=user)


def test_a_functions_credentials_cannot_be_computed(stack: LocalStack) -> None:
    """The emulator derives them from the function's and the role's names alone."""
    from hashlib import sha256

    function = stack.client("lambda").get_function(FunctionName=f"{stack.settings.prefix}-upload-api")["Configuration"]
    stack.client("lambda").invoke(FunctionName=function["FunctionName"], Payload=b"{}")
    digest = sha256(f"{function['FunctionArn']}:{function['Role']}".encode()).hexdigest()
    session = boto3.Session(
        f"ASIA{digest[:16].upper()}", sha256(f"secret:{digest}".encode()).hexdigest(),
        sha256(f"token:{digest}".encode()).hexdigest(), stack.endpoint.region,
    )  # fmt: skip
    with pytest.raises(ClientError, match=r"InvalidClientTokenId|UnrecognizedClient"):
        session.client("sts", endpoint_url=stack.endpoint.url).get_caller_identity()


def presigner(stack: LocalStack, access_key: str, secret_key: str) -> Any:
    return boto3.client(
        "s3", stack.endpoint.region, endpoint_url=stack.endpoint.url, config=Config(signature_version="s3v4"),
        aws_access_key_id=access_key, aws_secret_access_key=secret_key,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "secret", "status"),
    [(None, None, 200), (None, "guessed", 403), ("test", "test", 403), (ACCOUNT, "test", 403)],
)
def test_presigned_requests_are_verified(stack: LocalStack, key: str | None, secret: str | None, status: int) -> None:
    client = presigner(stack, key or stack.keys.access_key, secret or stack.keys.secret_key)
    bucket = stack.parameter("derivatives-bucket")
    url = client.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket})
    assert httpx.get(url, trust_env=False).status_code == status
    form = client.generate_presigned_post(bucket, "harm")
    answer = httpx.post(form["url"], data=form["fields"], files={"file": b"x"}, trust_env=False)
    assert answer.is_success == (status == 200), answer.text
    stack.client("s3").delete_object(Bucket=bucket, Key="harm")


@pytest.mark.parametrize(
    "claims",
    [
        {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Signature": "0" * 64},
        {"X-Amz-Signature": "0" * 64, "X-Amz-Credential": "x"},
        {"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-signature": "0", "x-amz-credential": "test/20260101/x/s3/x"},
        {"AWSAccessKeyId": "test", "Signature": "x", "Expires": "9999999999"},
    ],
)  # fmt: skip
def test_half_a_signature_is_none(stack: LocalStack, claims: dict[str, str]) -> None:
    bucket = stack.parameter("derivatives-bucket")
    answer = httpx.get(f"{stack.endpoint.url}/{bucket}", params=claims, trust_env=False)
    assert (answer.status_code, "AccessDenied" in answer.text) == (403, True), answer.text


@pytest.mark.parametrize(
    ("path", "kind"),
    [("", "multipart/form-data; boundary=x"), ("?delete", "multipart/form-data; boundary=x"), ("/key", "multipart/x")],
)
def test_a_form_without_a_signed_policy_is_refused(stack: LocalStack, path: str, kind: str) -> None:
    url = f"{stack.endpoint.url}/{stack.parameter('derivatives-bucket')}{path}"
    body = b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nharm\r\n--x\r\n' \
           b'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--x--\r\n'  # fmt: skip
    answer = httpx.post(url, content=body, headers={"content-type": kind, "origin": PAGE}, trust_env=False)
    assert answer.status_code == 403, answer.text
    found = stack.client("s3").list_objects_v2(Bucket=stack.parameter("derivatives-bucket"), Prefix="harm")
    assert found["KeyCount"] == 0


def test_public_addresses_answer_other_pages_by_their_own_rules(stack: LocalStack) -> None:
    asked = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    with httpx.Client(trust_env=False, timeout=60) as client:
        api = client.options(f"{stack.upload_api}/uploads", headers=asked)
        originals = f"{stack.endpoint.url}/{stack.parameter('originals-bucket')}/x"
        bucket = client.options(originals, headers=asked | {"access-control-request-method": "PUT"})
        derivatives = f"{stack.endpoint.url}/{stack.parameter('derivatives-bucket')}/x"
        closed = client.options(derivatives, headers=asked)
        picture = client.get(f"{stack.edge_url}/img/{'0' * 32}", headers={"origin": PAGE})
    assert (api.status_code, api.headers.get("access-control-allow-origin")) == (204, "*")
    assert (bucket.status_code, bucket.headers.get("access-control-allow-origin")) == (200, "*")
    assert (closed.status_code, closed.headers.get("access-control-allow-origin")) == (403, None)
    assert picture.status_code == 404


def test_nobody_else_on_the_machine_reads_the_stacks_files(stack: LocalStack) -> None:
    def readable(path: Path) -> bool:
        return not path.is_symlink() and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)

    home = stack.folder.home
    httpx.get(f"{stack.edge_url}/img/{'0' * 32}", trust_env=False, timeout=60)
    assert any(path.is_file() for path in (home / "cache").rglob("*")), "expected the edge's cache among the files"
    assert [str(path) for path in (home, *home.rglob("*")) if readable(path)] == []
