"""The five operations on jobs, and what CreateJob accepts."""

import base64
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from infra.local.endpoint import ACCOUNT
from infra.local.s3_batch.job import ENDED, WAITING, BatchError, Job, describe, summarize
from infra.local.s3_batch.store import JobStore

_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/.+")
_FUNCTION = re.compile(r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(:(\$LATEST|[A-Za-z0-9_-]+))?")
_BUCKET = re.compile(r"arn:aws:s3:::[a-z0-9.-]{3,63}")
_MANIFEST_FORMAT, _REPORT_FORMAT = "S3BatchOperations_CSV_20180820", "Report_CSV_20180820"
_LONGEST_TOKEN = 64
_MAX_PRIORITY = 2_147_483_647
_MAX_ARGUMENTS, _MAX_ARGUMENT_NAME, _MAX_ARGUMENT = 10, 64, 1024


def check_request(request: Mapping[str, Any]) -> None:
    """Check the request for a job.

    Raises:
        BatchError: it is invalid.
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


Parameters = Mapping[str, Any]
_PAGE = 1000  # jobs listed in one answer, unless fewer are asked for


class BatchApi:
    """S3 Control's operations, for the jobs of one store."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def call(self, operation: str, parameters: Parameters, region: str) -> dict[str, Any]:
        """Answer a call.

        Raises:
            BatchError: it is refused.
        """
        if parameters["AccountId"] != ACCOUNT:
            raise BatchError("AccessDenied", "Access Denied", 403)
        operations: dict[str, Callable[[Parameters, str], dict[str, Any]]] = {
            "CreateJob": self._create,
            "DescribeJob": self._describe,
            "ListJobs": self._list,
            "UpdateJobStatus": self._set_status,
            "UpdateJobPriority": self._set_priority,
        }
        return operations[operation](parameters, region)

    def _create(self, parameters: Parameters, region: str) -> dict[str, Any]:
        check_request(parameters)
        job = Job(
            id=str(uuid.uuid4()),
            region=region,
            request=dict(parameters),
            created=datetime.now(UTC),
            priority=parameters["Priority"],
        )
        # In the form in which jobs are stored, so that both compare equal.
        asked = job.model_dump(mode="json")["request"]
        with self._store.changed:
            for known in self._store.all():
                if known.request["ClientRequestToken"] != asked["ClientRequestToken"] or known.region != region:
                    continue
                if known.model_dump(mode="json")["request"] != asked:
                    raise BatchError(
                        "IdempotencyException",
                        "A job with this ClientRequestToken was created with other parameters",
                    )
                return {"JobId": known.id}
            self._store.add(job)
        return {"JobId": job.id}

    def _describe(self, parameters: Parameters, _region: str) -> dict[str, Any]:
        return {"Job": describe(self._store.get(parameters["JobId"]))}

    def _list(self, parameters: Parameters, region: str) -> dict[str, Any]:
        wanted, most = parameters.get("JobStatuses"), parameters.get("MaxResults", _PAGE)
        if not 1 <= most <= _PAGE:
            raise BatchError("InvalidRequest", f"MaxResults must be between 1 and {_PAGE}")
        jobs = [job for job in self._store.all() if job.region == region and (not wanted or job.status in wanted)]
        start = _position(parameters.get("NextToken"))
        page = jobs[start : start + most]
        more = start + most < len(jobs)
        return {
            "Jobs": [summarize(job) for job in page],
            **({"NextToken": base64.urlsafe_b64encode(str(start + most).encode()).decode()} if more else {}),
        }

    def _set_status(self, parameters: Parameters, _region: str) -> dict[str, Any]:
        job_id, wanted = parameters["JobId"], parameters["RequestedJobStatus"]
        reason = {"status_reason": parameters["StatusUpdateReason"]} if "StatusUpdateReason" in parameters else {}
        with self._store.changed:
            before = self._store.get(job_id).status
            if wanted == "Ready":
                taken = self._store.move(job_id, ["Suspended"], "Ready", **reason)
            elif wanted == "Cancelled":
                stopping = before in ("Active", "Pausing") or (before in WAITING and self._store.results(job_id))
                after: Any = "Cancelling" if stopping else "Cancelled"
                taken = before == "Cancelling" or self._store.move(
                    job_id, [*WAITING, "Active", "Pausing"], after, **reason
                )
            else:
                raise BatchError("InvalidRequest", f"Only Ready and Cancelled can be asked for but received {wanted!r}")
            if not taken:
                raise BatchError("JobStatusException", f"A job that is {before} cannot become {wanted}")
            return {"JobId": job_id, "Status": self._store.get(job_id).status}

    def _set_priority(self, parameters: Parameters, _region: str) -> dict[str, Any]:
        job_id, priority = parameters["JobId"], parameters["Priority"]
        with self._store.changed:
            job = self._store.get(job_id)
            if job.status in ENDED:
                raise BatchError("BadRequestException", f"A job that is {job.status} has no priority any more")
            check_priority(priority)
            self._store.update(job_id, priority=priority)
        return {"JobId": job_id, "Priority": priority}


def _position(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token.encode()))
    except ValueError as error:
        raise BatchError("InvalidNextTokenException", "The continuation token is not valid") from error
