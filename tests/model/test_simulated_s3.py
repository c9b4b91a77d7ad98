"""The simulated S3 does what moto's does, and what S3's documentation says where moto is more generous."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from simulated_s3 import AwsError, SimulatedS3

# Moto is too slow for examples to be shrunk.
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
START = datetime(2026, 1, 1, tzinfo=UTC)
BUCKET = "originals"
ONCE = Config(retries={"total_max_attempts": 1})
KEYS = ("a/1", "a/2", "b")
BODIES = (b"", b"red", b"blue")
ETAGS = [hashlib.md5(body, usedforsecurity=False).hexdigest() for body in BODIES]

keys, bodies = st.sampled_from(KEYS), st.sampled_from(BODIES)
etags = st.sampled_from([f'"{etag}"' for etag in ETAGS])
nth = st.integers(0, 5)  # of the versions so far
conditions = st.one_of(
    st.just({}),
    st.just({"IfNoneMatch": "*"}),
    etags.map(lambda etag: {"IfMatch": etag}),
)
reads = st.one_of(st.just({}), nth.map(lambda n: {"VersionId": n}), etags.map(lambda etag: {"IfMatch": etag}))
ranges = st.one_of(st.just({}), st.sampled_from(["bytes=0-1", "bytes=1-", "bytes=0-99"]).map(lambda r: {"Range": r}))
whole = st.one_of(
    st.tuples(
        st.just("PutObject"),
        st.fixed_dictionaries({"Key": keys, "Body": bodies, "Metadata": st.just({"from": "test"})}),
        conditions,
    ),
    st.tuples(st.just("GetObject"), st.fixed_dictionaries({"Key": keys}), reads, ranges),
    st.tuples(st.just("HeadObject"), st.fixed_dictionaries({"Key": keys}), reads),
    st.tuples(st.just("DeleteObject"), st.fixed_dictionaries({"Key": keys})),
    st.tuples(st.just("DeleteObject"), st.fixed_dictionaries({"Key": keys, "VersionId": nth})),
    st.tuples(
        st.just("DeleteObjects"),
        st.fixed_dictionaries({"Key": keys, "VersionId": nth}),
    ),
    st.tuples(st.just("ListObjectVersions"), st.fixed_dictionaries({"Prefix": st.sampled_from(["", "a/", "b"])})),
    st.tuples(st.just("ListObjectsV2"), st.fixed_dictionaries({"Prefix": st.sampled_from(["", "a/", "c"])})),
)
parts = st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=2, unique=True).map(sorted)
multipart = st.one_of(
    st.tuples(st.just("CreateMultipartUpload"), st.fixed_dictionaries({"Key": keys})),
    st.tuples(st.just("UploadPart"), st.fixed_dictionaries({"UploadId": nth, "PartNumber": st.sampled_from([1, 2])})),
    st.tuples(st.just("ListParts"), st.fixed_dictionaries({"UploadId": nth})),
    st.tuples(
        st.just("CompleteMultipartUpload"),
        st.fixed_dictionaries({"UploadId": nth, "Parts": parts}),
        st.sampled_from([{}, {"IfNoneMatch": "*"}]),
    ),
    st.tuples(st.just("AbortMultipartUpload"), st.fixed_dictionaries({"UploadId": nth})),
)


class Side:
    """One of the two services: names its version and upload ids by the order in which they were made."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self.versions: list[str] = []
        self.uploads: list[tuple[str, str]] = []  # key and id

    def run(self, operation: str, *arguments: dict[str, Any]) -> Any:
        wanted = {name: value for each in arguments for name, value in each.items()}
        if (upload := wanted.pop("UploadId", None)) is not None:
            if upload >= len(self.uploads):
                return None
            wanted["Key"], wanted["UploadId"] = self.uploads[upload]
        if operation == "UploadPart":
            wanted["Body"] = b"x" * (5 << 20) if wanted["PartNumber"] == 1 else b"end"
        if (numbers := wanted.pop("Parts", None)) is not None:
            etags = [hashlib.md5(b, usedforsecurity=False).hexdigest() for b in (b"x" * (5 << 20), b"end", b"")]
            wanted["MultipartUpload"] = {"Parts": [{"PartNumber": n, "ETag": etags[n - 1]} for n in numbers]}
        if isinstance(number := wanted.get("VersionId"), int):
            if number >= len(self.versions):
                return None
            wanted["VersionId"] = self.versions[number]
        if operation == "DeleteObjects":
            wanted = {"Delete": {"Objects": [wanted], "Quiet": True}}
        try:
            answer = self._call(operation, {"Bucket": BUCKET, **wanted})
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        except AwsError as error:
            return error.code, error.status
        except KeyError:  # moto's answer to a part of an upload that is gone
            return "NoSuchUpload", 404
        return self._named(operation, answer)

    def _named(self, operation: str, answer: dict[str, Any]) -> Any:
        version = answer.get("VersionId")
        if version is not None and version not in self.versions:
            self.versions.append(version)
        if operation == "CreateMultipartUpload":
            self.uploads.append((answer["Key"], answer["UploadId"]))
            return answer["Key"]
        listed = [
            (kind, each["Key"], self.versions.index(each["VersionId"]), each["IsLatest"], each.get("Size"))
            for kind in ("Versions", "DeleteMarkers")
            for each in answer.get(kind, [])
        ]
        return {
            "version": self.versions.index(version) if version and operation != "DeleteObject" else None,
            "body": answer["Body"].read() if "Body" in answer else None,
            "listed": listed,
            "keys": [each["Key"] for each in answer.get("Contents", [])],
            "parts": [(each["PartNumber"], each["Size"], each["ETag"]) for each in answer.get("Parts", [])],
            **{name: answer.get(name) for name in ("ETag", "ContentLength", "ContentRange", "Metadata", "IsTruncated")},
        }


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client(
            "s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test", config=ONCE
        )


def empty(client: Any) -> None:
    """Make the bucket anew."""
    if any(each["Name"] == BUCKET for each in client.list_buckets()["Buckets"]):
        listed = client.list_object_versions(Bucket=BUCKET)
        for each in (*listed.get("Versions", []), *listed.get("DeleteMarkers", [])):
            client.delete_object(Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"])
        for each in client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
            client.abort_multipart_upload(Bucket=BUCKET, Key=each["Key"], UploadId=each["UploadId"])
        return
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def compare(client: Any, operations: list[Any]) -> None:
    empty(client)
    theirs = Side(client._make_api_call)
    simulated = SimulatedS3((BUCKET,), lambda: START)
    ours = Side(simulated.call)
    for operation in operations:
        name, arguments = operation[:2]
        if (
            name == "DeleteObject"
            and "VersionId" not in arguments
            and not simulated.buckets[BUCKET].get(arguments["Key"])
        ):
            continue  # S3 adds a delete marker, moto does nothing
        result = ours.run(*operation)
        if result == ("MethodNotAllowed", 405):
            continue  # moto does not find a delete marker's version
        assert result == theirs.run(*operation), operation


@settings(max_examples=40, phases=UNSHRUNK)
@given(operations=st.lists(whole, min_size=4, max_size=20))
def test_objects_as_moto_has_them(client: Any, operations: list[Any]) -> None:
    compare(client, operations)


@settings(max_examples=25, phases=UNSHRUNK)
@given(operations=st.lists(multipart, min_size=3, max_size=12))
def test_multipart_as_moto_has_it(client: Any, operations: list[Any]) -> None:
    compare(client, [("CreateMultipartUpload", {"Key": "a/1"}), *operations])


# ---- What S3's documentation says, where moto cannot be asked or is more generous


@pytest.fixture
def s3() -> SimulatedS3:
    return SimulatedS3((BUCKET, "copies"), lambda: START)


def put(s3: SimulatedS3, data: bytes, key: str = "a", **condition: str) -> str:
    version: str = s3.call("PutObject", {"Bucket": BUCKET, "Key": key, "Body": data, **condition})["VersionId"]
    return version


def refused(s3: SimulatedS3, operation: str, **arguments: Any) -> tuple[str, int]:
    with pytest.raises(AwsError) as error:
        s3.call(operation, {"Bucket": BUCKET, "Key": "a", **arguments})
    return error.value.code, error.value.status


def test_if_none_match_succeeds_on_a_delete_marker(s3: SimulatedS3) -> None:
    """As "Conditional writes" has it: the write succeeds if the current version is a delete marker."""
    put(s3, b"red", IfNoneMatch="*")
    assert refused(s3, "PutObject", Body=b"blue", IfNoneMatch="*") == ("PreconditionFailed", 412)
    s3.call("DeleteObject", {"Bucket": BUCKET, "Key": "a"})
    put(s3, b"blue", IfNoneMatch="*")


def test_deleting_a_version_makes_the_previous_one_current(s3: SimulatedS3) -> None:
    first, second = put(s3, b"red"), put(s3, b"blue")
    s3.call("DeleteObject", {"Bucket": BUCKET, "Key": "a", "VersionId": second})
    current = s3.current(BUCKET, "a")
    assert current is not None
    assert (current.version_id, current.noncurrent_since) == (first, None)


def test_deleting_nothing_adds_a_delete_marker(s3: SimulatedS3) -> None:
    answer = s3.call("DeleteObject", {"Bucket": BUCKET, "Key": "never"})
    assert answer["DeleteMarker"]
    assert [version.is_marker for version in s3.versions(BUCKET)] == [True]


def test_reading_a_delete_marker_by_version_is_not_allowed(s3: SimulatedS3) -> None:
    put(s3, b"red")
    marker = s3.call("DeleteObject", {"Bucket": BUCKET, "Key": "a"})["VersionId"]
    assert refused(s3, "GetObject", VersionId=marker) == ("MethodNotAllowed", 405)
    assert refused(s3, "HeadObject", VersionId=marker) == ("405", 405)
    assert refused(s3, "GetObject") == ("NoSuchKey", 404)
    assert refused(s3, "HeadObject") == ("404", 404)


def test_noncurrent_versions_expire_and_the_current_one_stays() -> None:
    now = [START]
    s3 = SimulatedS3((BUCKET,), lambda: now[0])
    first = put(s3, b"red")
    now[0] += timedelta(days=100)
    second = put(s3, b"red")
    now[0] += timedelta(days=29)
    s3.expire_noncurrent(30)
    assert [version.version_id for version in s3.versions(BUCKET)] == [second, first]
    now[0] += timedelta(days=2)
    s3.expire_noncurrent(30)
    assert [version.version_id for version in s3.versions(BUCKET)] == [second]


def test_a_delete_marker_without_versions_expires() -> None:
    now = [START]
    s3 = SimulatedS3((BUCKET,), lambda: now[0])
    put(s3, b"red")
    s3.call("DeleteObject", {"Bucket": BUCKET, "Key": "a"})
    now[0] += timedelta(days=31)
    s3.expire_noncurrent(30)
    assert list(s3.versions(BUCKET)) == []


def test_a_copy_keeps_its_version_id(s3: SimulatedS3) -> None:
    """As "What does Amazon S3 replicate?" has it: replicas have the version id of their source."""
    version_id = put(s3, b"red")
    (version,) = s3.versions(BUCKET)
    s3.replicate(BUCKET, version, "copies")
    s3.replicate(BUCKET, version, "copies")
    assert [copy.version_id for copy in s3.versions("copies")] == [version_id]


FORM = {"key": "a", "Content-Type": "image/png"}


@pytest.mark.parametrize(
    ("change", "data", "minutes", "code"),
    [
        ({}, b"red", 0, None),
        ({}, b"red", 16, "AccessDenied"),
        ({}, b"long", 0, "EntityTooLarge"),
        ({}, b"", 0, "EntityTooSmall"),
        ({"key": "b"}, b"red", 0, "AccessDenied"),
        ({"Content-Type": "text/html"}, b"red", 0, "AccessDenied"),
        ({}, b"rot", 0, "BadDigest"),
    ],
)
def test_a_form_is_checked_against_its_policy(
    change: dict[str, str], data: bytes, minutes: int, code: str | None
) -> None:
    checksum = base64.b64encode(hashlib.sha256(b"red").digest()).decode()
    fields = {**FORM, "x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-sha256": checksum}
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    signed = client.generate_presigned_post(
        BUCKET,
        "a",
        {name: value for name, value in fields.items() if name != "key"},
        [*({name: value} for name, value in fields.items() if name != "key"), ["content-length-range", 3, 3]],
        900,
    )
    s3 = SimulatedS3((BUCKET,), lambda: datetime.now(UTC) + timedelta(minutes=minutes))
    posted = {**signed["fields"], **change}
    if code is None:
        assert s3.post_form(BUCKET, posted, data).data == data
        return
    with pytest.raises(AwsError) as error:
        s3.post_form(BUCKET, posted, data)
    assert error.value.code == code


def test_what_is_not_simulated_is_an_error(s3: SimulatedS3) -> None:
    for operation, arguments in (
        ("PutObject", {"Tagging": "a=b"}),
        ("GetObject", {"PartNumber": 1}),
        ("CopyObject", {}),
    ):
        with pytest.raises(NotImplementedError):
            s3.call(operation, {"Bucket": BUCKET, "Key": "a", **arguments})
