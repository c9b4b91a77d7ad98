"""What a presigned PUT commits to, by an independent reading of its signature (AWS Signature Version 4)."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import date
from urllib.parse import parse_qsl, quote, urlsplit

import boto3
import pytest
from botocore.config import Config

from lambdas.core.keys import OriginalKey
from lambdas.upload_api.s3_uploads import sign_put
from lambdas.upload_api.upload_models import UploadRequest

SECRET = "secret"  # of nobody
KEY = OriginalKey("demo", date(2026, 11, 28), "0" * 32)
SHA256 = b64encode(hashlib.sha256(b"x" * 10).digest()).decode()


def signature(method: str, url: str, headers: Mapping[str, str]) -> str:
    """Return the signature of a presigned request with ``headers``, by "Create a signed AWS API request"."""
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "X-Amz-Signature"]
    named = dict(query)
    canonical_query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query))
    lowered = {name.lower(): value for name, value in headers.items()} | {"host": parts.netloc}
    signed = named["X-Amz-SignedHeaders"]
    canonical_headers = "".join(f"{name}:{lowered.get(name, '')}\n" for name in signed.split(";"))
    request = "\n".join([method, parts.path, canonical_query, canonical_headers, signed, "UNSIGNED-PAYLOAD"])
    _, scope = named["X-Amz-Credential"].split("/", 1)
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", named["X-Amz-Date"], scope, digest])
    key = f"AWS4{SECRET}".encode()
    for step in scope.split("/"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("sha256", "signed"),
    [
        (None, "content-length;content-type;host;if-none-match"),
        (SHA256, "content-length;content-type;host;if-none-match;x-amz-checksum-sha256"),
    ],
)
def test_every_header_of_the_operation_is_signed(sha256: str | None, signed: str) -> None:
    client = boto3.client(
        "s3", "eu-central-1", aws_access_key_id="id", aws_secret_access_key=SECRET, aws_session_token="a/token=",
        config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
    )  # fmt: skip
    request = UploadRequest(content_type="image/jpeg", bytes=10, sha256=sha256)
    made = sign_put(client, "originals", KEY, request, 900)

    query = dict(parse_qsl(urlsplit(made["url"]).query))
    assert urlsplit(made["url"]).path == f"/{KEY}"
    assert query["X-Amz-SignedHeaders"] == signed
    assert query["X-Amz-Expires"] == "900"
    # S3 ignores a checksum in the query; nothing but the signature's own parameters may be there.
    assert query.keys() == {
        f"X-Amz-{name}"
        for name in ("Algorithm", "Credential", "Date", "SignedHeaders", "Expires", "Security-Token", "Signature")
    }
    sent = {**made["headers"], "Content-Length": "10"}
    assert {name.lower() for name in sent} | {"host"} == set(signed.split(";")), "what a client is told to send"
    assert signature("PUT", made["url"], sent) == query["X-Amz-Signature"]
    for name in sent:
        for changed in ({**sent, name: "11"}, {key: value for key, value in sent.items() if key != name}):
            assert signature("PUT", made["url"], changed) != query["X-Amz-Signature"], name
    assert signature("POST", made["url"], sent) != query["X-Amz-Signature"]
