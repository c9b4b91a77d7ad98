"""CreateJob's own rules, beyond the types of its parameters."""

import re
from collections.abc import Mapping
from typing import Any

from infra.local.s3_batch.errors import BatchError

_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/.+")
_FUNCTION = re.compile(r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(:(\$LATEST|[A-Za-z0-9_-]+))?")
_BUCKET = re.compile(r"arn:aws:s3:::[a-z0-9.-]{3,63}")
_MANIFEST_FORMAT, _REPORT_FORMAT = "S3BatchOperations_CSV_20180820", "Report_CSV_20180820"
_LONGEST_TOKEN = 64
_MAX_PRIORITY = 2_147_483_647
_MAX_ARGUMENTS, _MAX_ARGUMENT_NAME, _MAX_ARGUMENT = 10, 64, 1024


def check_request(request: Mapping[str, Any]) -> None:
    """Check a job that is asked for.

    Raises:
        BatchError: it could never run.
    """
    check_priority(request["Priority"])
    _require(_ROLE.fullmatch(request["RoleArn"]), f"Invalid role ARN {request['RoleArn']!r}")
    _require(0 < len(request["ClientRequestToken"]) <= _LONGEST_TOKEN, "A ClientRequestToken has 1 to 64 characters")
    _check_operation(request["Operation"])
    _check_report(request["Report"])
    _require(
        ("Manifest" in request) != ("ManifestGenerator" in request),
        "Exactly one of Manifest and ManifestGenerator must be specified",
    )
    if "Manifest" in request:
        _check_manifest(request["Manifest"])
    else:
        generator = request["ManifestGenerator"].get("S3JobManifestGenerator", {})
        _require(
            _BUCKET.fullmatch(generator.get("SourceBucket", "")), "ManifestGenerator needs the ARN of a SourceBucket"
        )


def check_priority(priority: int) -> None:
    """Check a job's priority.

    Raises:
        BatchError: it is none.
    """
    _require(0 <= priority <= _MAX_PRIORITY, f"Priority must be between 0 and {_MAX_PRIORITY}")


def _check_operation(operation: Mapping[str, Any]) -> None:
    _require(len(operation) == 1, f"Exactly one operation must be specified but received {sorted(operation)}")
    _require("LambdaInvoke" in operation, f"Operation {next(iter(operation))} is not run by the local stack")
    invoke = operation["LambdaInvoke"]
    _require(_FUNCTION.fullmatch(invoke.get("FunctionArn", "")), "LambdaInvoke needs the ARN of a function")
    version, arguments = invoke.get("InvocationSchemaVersion", "1.0"), invoke.get("UserArguments", {})
    _require(version in ("1.0", "2.0"), f"Unknown InvocationSchemaVersion {version!r}")
    _require(not arguments or version == "2.0", "UserArguments need InvocationSchemaVersion 2.0")
    _require(len(arguments) <= _MAX_ARGUMENTS, f"UserArguments may have at most {_MAX_ARGUMENTS} entries")
    for name, value in arguments.items():
        _require(
            0 < len(name) <= _MAX_ARGUMENT_NAME, f"A user argument's name has 1 to {_MAX_ARGUMENT_NAME} characters"
        )
        _require(len(value) <= _MAX_ARGUMENT, f"User argument {name!r} is longer than {_MAX_ARGUMENT} characters")


def _check_report(report: Mapping[str, Any]) -> None:
    if not report["Enabled"]:
        return
    _require(_BUCKET.fullmatch(report.get("Bucket", "")), "Report needs the ARN of a bucket")
    _require(report.get("Format") == _REPORT_FORMAT, f"Report needs the format {_REPORT_FORMAT}")
    _require(report.get("ReportScope") in ("AllTasks", "FailedTasksOnly"), "Report needs a ReportScope")


def _check_manifest(manifest: Mapping[str, Any]) -> None:
    spec, location = manifest["Spec"], manifest["Location"]
    _require(spec["Format"] == _MANIFEST_FORMAT, f"Manifest format {spec['Format']} is not read by the local stack")
    fields = spec.get("Fields", [])
    _require({"Bucket", "Key"} <= set(fields), "Required fields are missing in the schema: Bucket, Key")
    _require(set(fields) <= {"Bucket", "Key", "VersionId", "Ignore"}, f"Unknown fields in the schema: {fields}")
    bucket, slash, key = location["ObjectArn"].partition("/")
    _require(_BUCKET.fullmatch(bucket) and slash and key, f"Invalid manifest ARN {location['ObjectArn']!r}")


def _require(holds: object, message: str) -> None:
    if not holds:
        raise BatchError("InvalidRequest", message)
