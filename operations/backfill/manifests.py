"""Manifests that jobs of S3 Batch Operations read, and the completion reports that they write."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from lambdas.core.aws_errors import is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MANIFESTS, REPORTS = "manifests", "reports"  # folders that the jobs' role may read and write


class Manifest(BaseModel):
    """A stored manifest; its job reads exactly the bytes of this ETag."""

    model_config = ConfigDict(frozen=True)

    bucket: str
    key: str
    etag: str
    tasks: int


class TaskOutcome(BaseModel):
    """A line of a completion report."""

    model_config = ConfigDict(frozen=True)

    key: str
    succeeded: bool
    code: str
    message: str


class UnreadableReportError(ValueError):
    """A completion report does not match its own schema; the message says what was found."""


def manifest_rows(bucket: str, keys: Iterable[str]) -> bytes:
    """Return a CSV manifest of ``keys`` in ``bucket``: URL-encoded, without a header."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows((bucket, quote(key, safe="/")) for key in keys)
    return text.getvalue().encode()


def write_manifest(s3: "S3Client", bucket: str, name: str, source: str, keys: list[str]) -> Manifest:
    """Write the manifest ``name`` of ``keys`` in the bucket ``source``.

    Raises:
        ClientError: S3 refused; a retry may help.
    """
    key = f"{MANIFESTS}/{name}.csv"
    response = s3.put_object(Bucket=bucket, Key=key, Body=manifest_rows(source, keys), ContentType="text/csv")
    return Manifest(bucket=bucket, key=key, etag=response["ETag"], tasks=len(keys))


def read_report(s3: "S3Client", bucket: str, job_id: str) -> list[TaskOutcome]:
    """Return the outcome of each task that a job tried; empty if it tried none.

    Raises:
        ClientError: S3 refused; a retry may help.
        UnreadableReportError: the report does not match its schema.
    """
    try:
        manifest = json.loads(_read(s3, bucket, f"{REPORTS}/job-{job_id}/manifest.json"))
    except ClientError as error:
        if is_missing(error):
            return []
        raise
    columns = [column.strip() for column in manifest["ReportSchema"].split(",")]
    return [
        outcome
        for file in manifest["Results"]
        for outcome in parse_rows(_read(s3, file["Bucket"], file["Key"]).decode(), columns)
    ]


def parse_rows(text: str, columns: list[str]) -> list[TaskOutcome]:
    """Read the rows of a report with ``columns``.

    Raises:
        UnreadableReportError: a row has another number of columns, or a required column is missing.
    """
    found = []
    for row in csv.reader(io.StringIO(text)):
        if len(row) != len(columns):
            raise UnreadableReportError(f"expected columns {', '.join(columns)} in a report but received {row}")
        found.append(_outcome(dict(zip(columns, row, strict=True))))
    return found


def _outcome(row: Mapping[str, str]) -> TaskOutcome:
    try:
        code, status = row["ErrorCode"], row.get("HTTPStatusCode", "")
        if code.isdigit() and not status.isdigit():
            code = status  # AWS's rows have these two in another order than its schema
        return TaskOutcome(
            key=unquote(row["Key"]),
            succeeded=row["TaskStatus"].lower() == "succeeded",
            code=code,
            message=row["ResultMessage"],
        )
    except KeyError as error:
        raise UnreadableReportError(
            f"expected a column {error} in a report's schema but received {list(row)}"
        ) from error


def _read(s3: Any, bucket: str, key: str) -> bytes:
    content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content
