"""A job's tasks: read from a CSV manifest, or listed from a bucket."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from infra.local.s3_batch.job import PreparationError, Task

_BUCKET_ARN = "arn:aws:s3:::"


def read_manifest(s3: Any, manifest: Mapping[str, Any]) -> list[Task]:
    """Return the tasks of a CSV manifest, which has no header.

    Raises:
        PreparationError: it is missing, has another ETag, or has malformed rows.
    """
    location = manifest["Location"]
    bucket, _, key = location["ObjectArn"].removeprefix(_BUCKET_ARN).partition("/")
    version = {"VersionId": location["ObjectVersionId"]} if "ObjectVersionId" in location else {}
    try:
        answer = s3.get_object(Bucket=bucket, Key=key, **version)
    except ClientError as error:
        raise PreparationError("ManifestNotFound", f"Manifest {bucket}/{key}: {error}") from error
    if answer["ETag"].strip('"') != location["ETag"].strip('"'):
        raise PreparationError(
            "InvalidManifest", f"Manifest ETag is {answer['ETag']} but the job was created for {location['ETag']}"
        )
    fields = manifest["Spec"]["Fields"]
    tasks = list(_rows(answer["Body"].read(), fields))
    if not tasks:
        raise PreparationError("InvalidManifestContent", "The manifest contains no objects")
    return tasks


def _rows(content: bytes, fields: list[str]) -> Iterator[Task]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PreparationError("InvalidManifestContent", f"The manifest is not UTF-8: {error}") from error
    for number, row in enumerate(csv.reader(io.StringIO(text)), 1):
        if len(row) != len(fields):
            raise PreparationError(
                "InvalidManifestContent", f"Line {number} has {len(row)} columns but the schema has {len(fields)}"
            )
        values = dict(zip(fields, row, strict=True))
        if not values["Bucket"] or not values["Key"]:
            raise PreparationError("InvalidManifestContent", f"Line {number} names no object")
        yield Task(bucket=values["Bucket"], key=values["Key"], version_id=values.get("VersionId") or None)


def list_objects(s3: Any, generator: Mapping[str, Any]) -> list[Task]:
    """Return a task for every object of the generator's bucket that passes its filter.

    Raises:
        PreparationError: the bucket cannot be listed, a filter is not known here, or nothing passes.
    """
    bucket = generator["SourceBucket"].removeprefix(_BUCKET_ARN)
    chosen = generator.get("Filter", {})
    unknown = set(chosen) - {
        "CreatedAfter", "CreatedBefore", "KeyNameConstraint", "ObjectSizeGreaterThanBytes", "ObjectSizeLessThanBytes",
    }  # fmt: skip
    if unknown:
        raise PreparationError("InvalidRequest", f"Filters that the local stack does not know: {sorted(unknown)}")
    try:
        pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket))
    except ClientError as error:
        raise PreparationError("ManifestGenerationFailed", f"Bucket {bucket}: {error}") from error
    found = [item for page in pages for item in page.get("Contents", []) if _passes(item, chosen)]
    if not found:
        raise PreparationError("NoObjectsFound", f"No object of {bucket} passes the filter")
    return [Task(bucket=bucket, key=quote(item["Key"], safe="/")) for item in found]


def _passes(item: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    key, size, created = item["Key"], item["Size"], item["LastModified"]
    names = chosen.get("KeyNameConstraint", {})
    return (
        ("CreatedAfter" not in chosen or created > _moment(chosen["CreatedAfter"]))
        and ("CreatedBefore" not in chosen or created < _moment(chosen["CreatedBefore"]))
        and size > chosen.get("ObjectSizeGreaterThanBytes", -1)
        and size < chosen.get("ObjectSizeLessThanBytes", size + 1)
        and (not (prefixes := names.get("MatchAnyPrefix")) or key.startswith(tuple(prefixes)))
        and (not (suffixes := names.get("MatchAnySuffix")) or key.endswith(tuple(suffixes)))
        and (not (parts := names.get("MatchAnySubstring")) or any(part in key for part in parts))
    )


def _moment(value: Any) -> datetime:
    """Return a filter's time, which is a string once the job was read from disk."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
