"""The tasks of a job of the local S3 Batch Operations: read from a manifest, or listed from a bucket."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.s3_batch.job import PreparationError, Task
from infra.local.s3_batch.manifest import list_objects, read_manifest

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
OBJECTS = [
    {"Key": "demo/2026-01-01/a.jpg", "Size": 10, "LastModified": NOON},
    {"Key": "demo/2026-02-01/b c.jpg", "Size": 20, "LastModified": NOON.replace(hour=13)},
    {"Key": "studio/2026-02-01/d.png", "Size": 30, "LastModified": NOON.replace(hour=14)},
]


class Store:
    """S3 with one manifest and one bucket of objects."""

    def __init__(self, manifest: bytes = b"") -> None:
        self._manifest = manifest

    def get_object(self, **_request: Any) -> dict[str, Any]:
        return {"ETag": '"etag"', "Body": io.BytesIO(self._manifest)}

    def get_paginator(self, _operation: str) -> "Store":
        return self

    def paginate(self, Bucket: str) -> list[dict[str, Any]]:  # noqa: N803
        assert Bucket == "originals"
        return [{"Contents": OBJECTS[:2]}, {}, {"Contents": OBJECTS[2:]}]


def read(content: bytes, fields: tuple[str, ...] = ("Bucket", "Key"), etag: str = "etag") -> list[Task]:
    location = {"ObjectArn": "arn:aws:s3:::papers/manifest.csv", "ETag": etag}
    return read_manifest(Store(content), {"Spec": {"Fields": list(fields)}, "Location": location})


def listed(**chosen: Any) -> list[str]:
    return [task.key for task in list_objects(Store(), {"SourceBucket": "arn:aws:s3:::originals", "Filter": chosen})]


def test_a_manifest_is_read_by_its_fields() -> None:
    assert read(b"b,a%20b\nb,c\n") == [Task(bucket="b", key="a%20b"), Task(bucket="b", key="c")]
    assert read(b'v1,"k,1",b,x\n', ("VersionId", "Key", "Bucket", "Ignore")) == [
        Task(bucket="b", key="k,1", version_id="v1")
    ]


@pytest.mark.parametrize(
    ("content", "etag", "code"),
    [
        (b"", "etag", "InvalidManifestContent"),
        (b"b,k,more\n", "etag", "InvalidManifestContent"),
        (b"b,\n", "etag", "InvalidManifestContent"),
        (b"b,\xff\n", "etag", "InvalidManifestContent"),
        (b"b,k\n", "another", "InvalidManifest"),
    ],
)
def test_a_malformed_manifest_is_refused(content: bytes, etag: str, code: str) -> None:
    with pytest.raises(PreparationError) as refused:
        read(content, etag=etag)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"CreatedAfter": NOON}, [1, 2]),
        ({"CreatedBefore": "2026-11-25T13:30:00+00:00"}, [0, 1]),
        ({"ObjectSizeGreaterThanBytes": 10, "ObjectSizeLessThanBytes": 30}, [1]),
        ({"KeyNameConstraint": {"MatchAnyPrefix": ["demo/", "other/"]}}, [0, 1]),
        ({"KeyNameConstraint": {"MatchAnySuffix": [".png"]}}, [2]),
        ({"KeyNameConstraint": {"MatchAnySubstring": ["2026-02"]}}, [1, 2]),
    ],
)
def test_objects_pass_every_filter_or_none(chosen: dict[str, Any], expected: list[int]) -> None:
    keys = [str(OBJECTS[number]["Key"]).replace(" ", "%20") for number in expected]
    assert listed(**chosen) == keys


@pytest.mark.parametrize(
    ("chosen", "code"),
    [({"ObjectSizeGreaterThanBytes": 99}, "NoObjectsFound"), ({"EligibleForReplication": True}, "InvalidRequest")],
)
def test_a_filter_that_finds_nothing_or_is_unknown_fails_the_job(chosen: dict[str, Any], code: str) -> None:
    with pytest.raises(PreparationError) as refused:
        listed(**chosen)
    assert refused.value.code == code
