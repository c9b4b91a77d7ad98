"""A job's completion report, laid out and written as S3 Batch Operations does.

Its schema names ErrorCode before HTTPStatusCode, and its rows have them the other way round, as AWS's do in the
examples of its guide and in practice.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from infra.local.s3_batch.job import Job, Task, TaskResult

_SCHEMA = "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"
_BUCKET_ARN = "arn:aws:s3:::"


def write_report(s3: Any, job: Job, tasks: list[Task], results: list[TaskResult]) -> None:
    """Write the report that ``job`` asked for, unless no task was run.

    Raises:
        ClientError: the job's role may not write it.
    """
    report = job.request["Report"]
    if not report["Enabled"] or not results:
        return
    bucket = report["Bucket"].removeprefix(_BUCKET_ARN)
    folder = "/".join(filter(None, (report.get("Prefix", "").rstrip("/"), f"job-{job.id}")))
    kinds = {"succeeded": True, "failed": False}
    if report["ReportScope"] == "FailedTasksOnly":
        del kinds["succeeded"]
    files = []
    for kind, succeeded in kinds.items():
        content = _rows(tasks, [result for result in results if result.succeeded is succeeded])
        if not content:
            continue
        key = f"{folder}/results/{hashlib.sha1(content, usedforsecurity=False).hexdigest()}.csv"
        s3.put_object(Bucket=bucket, Key=key, Body=content)
        files.append({"TaskExecutionStatus": kind, "Bucket": bucket, "MD5Checksum": _md5(content), "Key": key})
    manifest = json.dumps(
        {
            "Format": report["Format"],
            "ReportCreationDate": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "Results": files,
            "ReportSchema": _SCHEMA,
        }
    ).encode()
    s3.put_object(Bucket=bucket, Key=f"{folder}/manifest.json.md5", Body=_md5(manifest).encode())
    s3.put_object(Bucket=bucket, Key=f"{folder}/manifest.json", Body=manifest, ContentType="application/json")


def _rows(tasks: list[Task], results: Iterable[TaskResult]) -> bytes:
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    for result in results:
        task = tasks[result.number]
        status, error = ("succeeded", "") if result.succeeded else ("failed", "PermanentFailure")
        rows.writerow([task.bucket, task.key, task.version_id or "", status, "200", error, result.message])
    return written.getvalue().encode()


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
