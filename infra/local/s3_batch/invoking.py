"""One task, handed to a job's Lambda function as its invocation schema says."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.s3_batch.job import Job, Task

_BUSY = frozenset({"TooManyRequestsException", "ServiceException", "EC2ThrottledException"})
_LONGEST_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation came to. ``Throttled``: the function was not run."""

    code: Literal["Succeeded", "TemporaryFailure", "PermanentFailure", "Throttled"]
    message: str


def invoke(client: Any, job: Job, number: int, task: Task) -> Outcome:
    """Invoke the function of ``job`` for ``task``, the manifest's ``number``-th."""
    operation = job.request["Operation"]["LambdaInvoke"]
    event = _event(job, operation, number, task)
    try:
        answer = client.invoke(FunctionName=operation["FunctionArn"], Payload=json.dumps(event))
    except ClientError as error:
        busy = error.response["Error"]["Code"] in _BUSY
        return Outcome("Throttled" if busy else "PermanentFailure", str(error))
    except BotoCoreError as error:
        return Outcome("TemporaryFailure", str(error))
    payload = answer["Payload"].read().decode("utf-8", "replace")
    if "FunctionError" in answer:
        return Outcome("TemporaryFailure", f"Lambda returned function error: {payload}"[:_LONGEST_MESSAGE])
    return _outcome(payload, event["tasks"][0]["taskId"])


def _event(job: Job, operation: dict[str, Any], number: int, task: Task) -> dict[str, Any]:
    version = operation.get("InvocationSchemaVersion", "1.0")
    described: dict[str, Any] = {"id": job.id}
    named = {"taskId": f"{job.id}.{number}", "s3Key": task.key, "s3VersionId": task.version_id}
    if version == "1.0":
        named["s3BucketArn"] = f"arn:aws:s3:::{task.bucket}"
    else:
        described["userArguments"] = operation.get("UserArguments", {})
        named["s3Bucket"] = task.bucket
    return {
        "invocationSchemaVersion": version,
        "invocationId": f"{job.id}/{number}",
        "job": described,
        "tasks": [named],
    }


def _outcome(payload: str, task_id: str) -> Outcome:
    try:
        returned = json.loads(payload)
        found = next((each for each in returned["results"] if each["taskId"] == task_id), None)
        if found is None:
            return _coded(
                returned.get("treatMissingKeysAs", "TemporaryFailure"), "The function said nothing of the task"
            )
        return _coded(found["resultCode"], str(found.get("resultString", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Outcome(
            "PermanentFailure", f"Lambda returned no answer of S3 Batch Operations: {payload}"[:_LONGEST_MESSAGE]
        )


def _coded(code: str, message: str) -> Outcome:
    if code == "Succeeded":
        return Outcome("Succeeded", message)
    if code == "TemporaryFailure":
        return Outcome("TemporaryFailure", message)
    if code == "PermanentFailure":
        return Outcome("PermanentFailure", message)
    return Outcome("PermanentFailure", f"Lambda returned the unknown code {code!r}")
