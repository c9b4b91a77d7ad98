"""Writes that S3 refuses and the emulator, unpatched, accepts; what events say of a write; and objects' lifecycle."""

import json
import socket
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import md5, sha256
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from lane import wait_until
from typer.testing import CliRunner

from infra.command import app
from infra.local.endpoint import CLIENT_CONFIG
from infra.local.lifecycle import Rule, age_bucket, age_table
from infra.local.stack import LocalStack
from infra.local.state import HOME_VARIABLE
from lambdas.core.keys import OriginalKey, new_image_id
from lambdas.upload_api.s3_uploads import SignedRequest, sign_form, sign_put
from lambdas.upload_api.upload_models import UploadRequest

BODY = b"x" * 10
SHA256 = b64encode(sha256(BODY).digest()).decode()
OTHER_SHA256 = b64encode(sha256(b"other").digest()).decode()
SIGNER = CLIENT_CONFIG.merge(Config(signature_version="s3v4", s3={"addressing_style": "path"}))
CHECKED = UploadRequest(content_type="image/jpeg", bytes=len(BODY), sha256=SHA256)
UNCHECKED = UploadRequest(content_type="image/jpeg", bytes=len(BODY))

Answer = tuple[int, str]
"""Status and S3's error code, empty for a success."""


@dataclass(frozen=True)
class Writer:
    """Someone who writes to a bucket of their own."""

    client: Any
    bucket: str
    http: httpx.Client

    def key(self) -> OriginalKey:
        return OriginalKey("demo", datetime.now(UTC).date(), new_image_id())

    def call(self, operation: str, key: OriginalKey, **parameters: Any) -> Answer:
        try:
            answer = getattr(self.client, operation)(Bucket=self.bucket, Key=str(key), **parameters)
        except ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        return answer["ResponseMetadata"]["HTTPStatusCode"], ""

    def put(self, key: OriginalKey, **parameters: Any) -> Answer:
        return self.call("put_object", key, Body=BODY, **parameters)

    def signed(self, key: OriginalKey, request: UploadRequest = CHECKED) -> SignedRequest:
        return sign_put(self.client, self.bucket, key, request, 60)

    def send(self, request: SignedRequest, content: bytes = BODY, **headers: str | None) -> Answer:
        """Send a signed PUT, some of its headers changed, or left out where they are None."""
        changed = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        sent = {name.lower(): value for name, value in request["headers"].items()} | changed
        kept = {name: value for name, value in sent.items() if value is not None}
        return _read(self.http.put(request["url"], content=content, headers=kept))

    def post(self, key: OriginalKey, request: UploadRequest = UNCHECKED) -> Answer:
        form = sign_form(self.client, self.bucket, key, request, 60)
        return _read(self.http.post(form["url"], data=form["fields"], files={"file": ("file", BODY, "image/jpeg")}))

    def begin(self, key: OriginalKey) -> dict[str, Any]:
        """Begin a multipart upload and send its one part; return what completes it."""
        begun = self.client.create_multipart_upload(Bucket=self.bucket, Key=str(key))["UploadId"]
        part = self.client.upload_part(Bucket=self.bucket, Key=str(key), UploadId=begun, PartNumber=1, Body=BODY)
        return {"UploadId": begun, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}}

    def complete(self, key: OriginalKey, **conditions: str) -> Answer:
        return self.call("complete_multipart_upload", key, **self.begin(key), **conditions)

    def copy(self, key: OriginalKey, **conditions: str) -> Answer:
        source = self.key()
        assert self.put(source, IfNoneMatch="*") == (200, "")
        return self.call("copy_object", key, CopySource=f"{self.bucket}/{source}", **conditions)

    def versions(self, key: OriginalKey) -> list[str]:
        listed = self.client.list_object_versions(Bucket=self.bucket, Prefix=str(key))
        return [each["VersionId"] for each in listed.get("Versions", []) + listed.get("DeleteMarkers", [])]


def _read(answer: httpx.Response) -> Answer:
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


def signing_client(stack: LocalStack, access_key: str, secret_key: str) -> Any:
    return boto3.client(
        "s3", stack.endpoint.region, endpoint_url=stack.endpoint.url, config=SIGNER,
        aws_access_key_id=access_key, aws_secret_access_key=secret_key,
    )  # fmt: skip


@pytest.fixture(scope="module")
def owner(stack: LocalStack) -> Iterator[Writer]:
    """Return the owner of a versioned bucket: no policy applies to the emulator's root."""
    client = signing_client(stack, stack.keys.access_key, stack.keys.secret_key)
    bucket = f"writes-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    with httpx.Client(trust_env=False, timeout=60) as http:
        yield Writer(client, bucket, http)


@pytest.fixture(scope="module")
def user(stack: LocalStack, owner: Writer) -> Iterator[Writer]:
    """Return a user with the right to write and read, to whom the bucket's policy applies."""
    iam, name = stack.client("iam"), f"writer-{uuid.uuid4().hex}"
    iam.create_user(UserName=name)
    allowed = {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject", "s3:GetObjectVersion"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName=name, PolicyName="write", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    yield Writer(signing_client(stack, key["AccessKeyId"], key["SecretAccessKey"]), owner.bucket, owner.http)
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="write")
    iam.delete_user(UserName=name)


MISSING: dict[str, tuple[Callable[[Writer, OriginalKey], Answer], int]] = {
    "a key": (lambda s3, key: s3.call("get_object", key), 404),
    "a key's head": (lambda s3, key: s3.call("head_object", key), 404),
    "a version": (lambda s3, key: s3.call("get_object", key, VersionId="0" * 32), 404),
    "a version's head": (lambda s3, key: s3.call("head_object", key, VersionId="0" * 32), 404),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_missing_object_is_a_403_to_who_may_not_list(owner: Writer, user: Writer, case: str) -> None:
    read, status = MISSING[case]
    assert read(owner, owner.key())[0] == status
    assert read(user, user.key())[0] == 403


SENT: dict[str, tuple[bytes, dict[str, str | None], Answer]] = {
    "as signed": (BODY, {}, (200, "")),
    "a header that is not AWS's": (BODY, {"Cache_Control": "no-store"}, (200, "")),
    "without the condition": (BODY, {"If_None_Match": None}, (403, "SignatureDoesNotMatch")),
    "another condition": (BODY, {"If_None_Match": '"0"'}, (403, "SignatureDoesNotMatch")),
    "without the type": (BODY, {"Content_Type": None}, (403, "SignatureDoesNotMatch")),
    "another type": (BODY, {"Content_Type": "text/html"}, (403, "SignatureDoesNotMatch")),
    "without the checksum": (BODY, {"x_amz_checksum_sha256": None}, (403, "SignatureDoesNotMatch")),
    "another checksum": (b"other", {"x_amz_checksum_sha256": OTHER_SHA256}, (403, "SignatureDoesNotMatch")),
    "other bytes": (b"y" * 10, {}, (400, "BadDigest")),
    "a byte more": (BODY + b"x", {}, (403, "SignatureDoesNotMatch")),
    "a byte less": (BODY[:-1], {}, (403, "SignatureDoesNotMatch")),
    "an ACL": (BODY, {"x_amz_acl": "private"}, (403, "AccessDenied")),
    "metadata": (BODY, {"x_amz_meta_a": "b"}, (403, "AccessDenied")),
    "a storage class": (BODY, {"x_amz_storage_class": "GLACIER"}, (403, "AccessDenied")),
    "a source to copy": (b"", {"x_amz_copy_source": "a/b"}, (403, "SignatureDoesNotMatch")),
    "tags": (BODY, {"x_amz_tagging": "a=b"}, (403, "AccessDenied")),
}


@pytest.mark.parametrize("case", SENT)
def test_a_signed_put_takes_what_was_signed(owner: Writer, case: str) -> None:
    content, changes, expected = SENT[case]
    key = owner.key()
    assert owner.send(owner.signed(key), content, **changes) == expected
    assert len(owner.versions(key)) == (expected[0] == 200)


def test_an_unsigned_header_is_named(owner: Writer) -> None:
    signed = owner.signed(owner.key())
    answer = owner.http.put(signed["url"], content=BODY, headers={**signed["headers"], "x-amz-meta-a": "b"})
    assert "There were headers present in the request which were not signed" in answer.text
    assert "<HeadersNotSigned>x-amz-meta-a</HeadersNotSigned>" in answer.text


Steps = list[tuple[Callable[[Writer, OriginalKey], Any], Any]]
CREATE, UPDATE = {"IfNoneMatch": "*"}, {"IfMatch": '"0"'}
CONDITIONS: dict[str, Steps] = {
    "a second PUT": [
        (lambda s3, key: s3.put(key, **CREATE), (200, "")),
        (lambda s3, key: s3.put(key, **CREATE), (412, "PreconditionFailed")),
        (lambda s3, key: s3.put(key), (200, "")),
    ],
    "a second signed PUT": [
        (lambda s3, key: s3.send(s3.signed(key)), (200, "")),
        (lambda s3, key: s3.send(s3.signed(key)), (412, "PreconditionFailed")),
        (lambda s3, key: s3.send(s3.signed(key), b"y" * 10), (412, "PreconditionFailed")),
    ],
    "a completion over an object": [
        (lambda s3, key: s3.put(key), (200, "")),
        (lambda s3, key: s3.complete(key, **CREATE), (412, "PreconditionFailed")),
        (lambda s3, key: s3.complete(key), (200, "")),
    ],
    "a second completion": [
        (lambda s3, key: s3.complete(key, **CREATE), (200, "")),
        (lambda s3, key: s3.complete(key, **CREATE), (412, "PreconditionFailed")),
        (lambda s3, key: s3.send(s3.signed(key)), (412, "PreconditionFailed")),
    ],
    "a copy over an object": [
        (lambda s3, key: s3.copy(key, **CREATE), (200, "")),
        (lambda s3, key: s3.copy(key, **CREATE), (412, "PreconditionFailed")),
        (lambda s3, key: s3.copy(key), (200, "")),
    ],
    "a deleted key is free again": [
        (lambda s3, key: s3.put(key, **CREATE), (200, "")),
        (lambda s3, key: s3.call("delete_object", key), (204, "")),
        (lambda s3, key: s3.put(key, **CREATE), (200, "")),
    ],
    "another value than *": [
        (lambda s3, key: s3.put(key, IfNoneMatch='"0"'), (501, "NotImplemented")),
        (lambda s3, key: s3.complete(key, IfNoneMatch='"0"'), (501, "NotImplemented")),
        (lambda s3, key: s3.copy(key, IfNoneMatch='"0"'), (501, "NotImplemented")),
    ],
    "If-Match": [
        (lambda s3, key: s3.put(key, **UPDATE), (404, "NoSuchKey")),
        (lambda s3, key: s3.put(key), (200, "")),
        (lambda s3, key: s3.put(key, **UPDATE), (412, "PreconditionFailed")),
    ],
}


@pytest.mark.parametrize("case", CONDITIONS)
def test_conditions_hold(owner: Writer, case: str) -> None:
    key = owner.key()
    for step, (act, expected) in enumerate(CONDITIONS[case]):
        assert act(owner, key) == expected, f"step {step}"


# Each with a new key, under the policy of the originals bucket as deployed, and under the one with forms on.
POLICED: dict[str, tuple[Callable[[Writer, OriginalKey], Answer], bool, bool]] = {
    "PUT": (lambda s3, key: s3.put(key), False, False),
    "PUT, If-Match": (lambda s3, key: s3.put(key, **UPDATE), False, False),
    "PUT, If-None-Match": (lambda s3, key: s3.put(key, **CREATE), True, True),
    "presigned PUT": (lambda s3, key: _read(s3.http.put(_presigned(s3, key), content=BODY)), False, False),
    "presigned PUT, If-None-Match": (lambda s3, key: s3.send(s3.signed(key)), True, True),
    "completion": (lambda s3, key: s3.complete(key), False, False),
    "completion, If-None-Match": (lambda s3, key: s3.complete(key, **CREATE), True, True),
    "copy": (lambda s3, key: s3.copy(key), False, False),
    "copy, If-None-Match": (lambda s3, key: s3.copy(key, **CREATE), True, True),
    "form": (lambda s3, key: s3.post(key), False, True),
}


def _presigned(writer: Writer, key: OriginalKey) -> str:
    url: str = writer.client.generate_presigned_url("put_object", Params={"Bucket": writer.bucket, "Key": str(key)})
    return url


@contextmanager
def originals_policy(stack: LocalStack, owner: Writer, *, forms: bool) -> Iterator[None]:
    """Give the owner's bucket the refusals of the originals bucket."""
    originals = stack.parameter("originals-bucket")
    policy = json.loads(
        stack.client("s3").get_bucket_policy(Bucket=originals)["Policy"].replace(originals, owner.bucket)
    )
    refusals = {each["Sid"]: each for each in policy["Statement"] if each.get("Sid", "").startswith("Refuse")}
    assert refusals.keys() == {"RefuseOverwrites", "RefuseForms"}
    if forms:  # as tests/stack/test_storage.py has it
        del refusals["RefuseForms"]
        refusals["RefuseOverwrites"]["Condition"]["StringNotEquals"] = {"s3:authType": "POST"}
    owner.client.put_bucket_policy(
        Bucket=owner.bucket, Policy=json.dumps({**policy, "Statement": list(refusals.values())})
    )
    try:
        yield
    finally:
        owner.client.delete_bucket_policy(Bucket=owner.bucket)


@pytest.mark.parametrize("forms", [False, True])
def test_the_originals_policy_refuses_writes_without_a_condition(
    stack: LocalStack, owner: Writer, user: Writer, forms: bool
) -> None:
    with originals_policy(stack, owner, forms=forms):
        for case, (act, without_forms, with_forms) in POLICED.items():
            key, accepted = user.key(), with_forms if forms else without_forms
            status, code = act(user, key)
            assert (status in {200, 204}, code) == (accepted, "" if accepted else "AccessDenied"), case
            assert len(owner.versions(key)) == accepted, case


@pytest.mark.parametrize(
    ("checksum", "expected"), [(SHA256, (204, "")), (OTHER_SHA256, (400, "BadDigest")), (None, (204, ""))]
)
def test_a_form_takes_the_bytes_of_its_checksum(owner: Writer, checksum: str | None, expected: Answer) -> None:
    key = owner.key()
    request = UploadRequest(content_type="image/jpeg", bytes=len(BODY), sha256=checksum)
    assert owner.post(key, request) == expected
    assert len(owner.versions(key)) == (expected[0] == 204)


LOCKED: dict[str, tuple[Callable[[Writer, OriginalKey], Answer], Answer]] = {
    "signed with a checksum": (lambda s3, key: s3.send(s3.signed(key)), (200, "")),
    "signed without": (lambda s3, key: s3.send(s3.signed(key, UNCHECKED)), (400, "InvalidRequest")),
    "boto3's own checksum": (lambda s3, key: s3.put(key), (200, "")),
    "a form with a checksum": (lambda s3, key: s3.post(key, CHECKED), (204, "")),
    "a form without": (lambda s3, key: s3.post(key), (400, "InvalidRequest")),
    "parts": (lambda s3, key: s3.complete(key), (200, "")),
}


@pytest.mark.parametrize("case", LOCKED)
def test_under_object_lock_a_write_needs_a_checksum(owner: Writer, case: str) -> None:
    bucket = f"locked-{uuid.uuid4().hex}"
    owner.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    owner.client.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        },
    )
    act, expected = LOCKED[case]
    locked = Writer(owner.client, bucket, owner.http)
    key = locked.key()
    assert act(locked, key) == expected
    assert len(locked.versions(key)) == (expected[0] < 300)


def test_a_deletion_during_a_conditional_write_is_a_conflict(owner: Writer) -> None:
    key = owner.key()
    signed = owner.signed(key)
    address = urlsplit(signed["url"])
    assert address.hostname and address.port
    headers = {**signed["headers"], "Host": address.netloc, "Content-Length": str(len(BODY)), "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(f"PUT {address.path}?{address.query} HTTP/1.1\r\n{head}\r\n".encode() + BODY[:5])
        # A request that is answered after these bytes has been read after them.
        for _ in range(2):
            assert owner.put(key, **CREATE) == (200, "")
            assert owner.call("delete_object", key) == (204, "")
        connection.sendall(BODY[5:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 409 ")
    assert b"<Code>ConditionalRequestConflict</Code>" in answer
    assert owner.send(owner.signed(key)) == (200, ""), "again it succeeds"


REASONS: dict[str, Callable[[Writer, OriginalKey], Answer]] = {
    "PutObject": lambda s3, key: s3.send(s3.signed(key)),
    "POST Object": lambda s3, key: s3.post(key),
    "CopyObject": lambda s3, key: s3.copy(key),
    "CompleteMultipartUpload": lambda s3, key: s3.complete(key),
}


def test_events_name_version_etag_size_sequencer_and_reason(stack: LocalStack, owner: Writer) -> None:
    sqs, events, name = stack.client("sqs"), stack.client("events"), f"writes-{uuid.uuid4().hex}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [owner.bucket]}}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    owner.client.put_bucket_notification_configuration(
        Bucket=owner.bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    keys = {reason: owner.key() for reason in REASONS}
    for reason, write in REASONS.items():
        assert write(owner, keys[reason])[0] < 300
        owner.call("delete_object", keys[reason])
    received: list[Any] = []

    def receive() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            received.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(received) == 9  # four writes, the source of the copy, and four deletions

    wait_until(receive, "an event of each write and deletion")
    created = {each["detail"]["object"]["key"]: each for each in received if each["detail-type"] == "Object Created"}
    sequencers = []
    for reason, key in keys.items():
        event = created[str(key)]
        found = event["detail"]["object"]
        listed = owner.client.list_object_versions(Bucket=owner.bucket, Prefix=str(key))
        (version,) = listed["Versions"]
        assert found["version-id"] == version["VersionId"]
        assert (found["size"], found["etag"]) == (len(BODY), version["ETag"].strip('"'))
        assert event["detail"]["reason"] == reason
        assert set(found) == {"key", "version-id", "size", "etag", "sequencer"}
        sequencers.append(int(found["sequencer"], 16))
        (removal,) = [
            each["detail"]["object"]
            for each in received
            if each["detail-type"] == "Object Deleted" and each["detail"]["object"]["key"] == str(key)
        ]
        assert removal["version-id"] == listed["DeleteMarkers"][0]["VersionId"]
    assert sequencers == sorted(sequencers)
    assert created[str(keys["PutObject"])]["detail"]["object"]["etag"] == md5(BODY, usedforsecurity=False).hexdigest()
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)
    sqs.delete_queue(QueueUrl=url)


def test_old_versions_and_incomplete_uploads_go_with_the_days(stack: LocalStack, owner: Writer) -> None:
    originals = stack.parameter("originals-bucket")
    rules = stack.client("s3").get_bucket_lifecycle_configuration(Bucket=originals)["Rules"]
    bucket = f"ageing-{uuid.uuid4().hex}"
    s3 = owner.client
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    ageing = Writer(s3, bucket, owner.http)
    twice, removed, begun = ageing.key(), ageing.key(), ageing.key()
    for key in (twice, twice, removed):
        ageing.put(key)
    ageing.call("delete_object", removed)
    ageing.begin(begun)
    (current,) = [each["VersionId"] for each in s3.list_object_versions(Bucket=bucket)["Versions"] if each["IsLatest"]]

    def left() -> tuple[int, int, int]:
        uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        return len(ageing.versions(twice)), len(ageing.versions(removed)), len(uploads)

    storage = stack.settings.storage
    assert age_bucket(s3, bucket, storage.abandoned_upload_days) == 0, "rounded up to midnight"
    assert left() == (2, 2, 1)
    assert age_bucket(s3, bucket, storage.abandoned_upload_days + 1) == 1
    assert left() == (2, 2, 0)
    assert age_bucket(s3, bucket, storage.noncurrent_days) == 0
    assert left() == (2, 2, 0)
    assert age_bucket(s3, bucket, storage.noncurrent_days + 1) == 3, "two versions, and a marker that is then alone"
    assert left() == (1, 0, 0)
    assert ageing.versions(twice) == [current], "a current version has no end"


def test_rows_go_when_their_time_is_over(stack: LocalStack) -> None:
    database, table = stack.client("dynamodb"), f"ageing-{uuid.uuid4().hex}"
    database.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    assert age_table(database, table, 365) == 0, "without a time to live nothing goes"
    lives = {"AttributeName": "until", "Enabled": True}
    database.update_time_to_live(TableName=table, TimeToLiveSpecification=lives)
    in_two_days = int((datetime.now(UTC) + timedelta(days=2)).timestamp())
    for name, until in (("a", {"until": {"N": str(in_two_days)}}), ("b", {}), ("c", {"until": {"S": "soon"}})):
        database.put_item(TableName=table, Item={"id": {"S": name}, **until})
    assert [age_table(database, table, days) for days in (1, 3, 365)] == [0, 1, 0]
    assert sorted(item["id"]["S"] for item in database.scan(TableName=table)["Items"]) == ["b", "c"]


def test_within_a_day_the_command_deletes_no_picture(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    for thing in ("originals-bucket", "derivatives-bucket", "reports-bucket"):
        rules = stack.client("s3").get_bucket_lifecycle_configuration(Bucket=stack.parameter(thing))["Rules"]
        assert all(Rule.parse(rule) != Rule() for rule in rules), thing
    monkeypatch.setenv(HOME_VARIABLE, str(stack.folder.home))
    printed = CliRunner().invoke(app, ["age", "--days", "1"])
    assert printed.exit_code == 0, printed.output
    assert printed.stdout.rstrip().endswith((" expired", "Nothing expires within 1 day."))
    assert stack.parameter("originals-bucket") not in printed.stdout
    assert stack.parameter("derivatives-bucket") not in printed.stdout
