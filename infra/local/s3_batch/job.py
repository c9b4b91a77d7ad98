"""A job, its tasks and states, in the terms of S3 Batch Operations, and the errors of the service."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class BatchError(Exception):
    """A request is refused: the service's ``code``, a message, and the HTTP ``status``."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class PreparationError(Exception):
    """A job's manifest cannot be used: the ``code`` and the text are its failure reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def no_such_job(job_id: str) -> BatchError:
    """Return the refusal of a job that is not there."""
    return BatchError("NoSuchJob", f"The specified job does not exist: {job_id}", 404)


Status = Literal[
    "New", "Preparing", "Suspended", "Ready", "Active", "Pausing", "Paused",
    "Completing", "Complete", "Cancelling", "Cancelled", "Failing", "Failed",
]  # fmt: skip
ENDED: frozenset[Status] = frozenset({"Complete", "Cancelled", "Failed"})
WAITING: frozenset[Status] = frozenset({"New", "Preparing", "Suspended", "Ready", "Paused"})  # no task is under way

# "Tracking job status" of the S3 guide: a job with so many failed tasks is stopped.
_THRESHOLD_TASKS, _THRESHOLD_SHARE = 1000, 0.5


class Task(BaseModel):
    """One object of a manifest; the key as the manifest writes it, URL-encoded."""

    model_config = ConfigDict(frozen=True)

    bucket: str
    key: str
    version_id: str | None = None


class TaskResult(BaseModel):
    """A task that is over."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(description="Of the task in its manifest, from 0.")
    succeeded: bool
    message: str


class Progress(BaseModel):
    """How far a job is."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def is_failing(self) -> bool:
        """Whether so many tasks failed that the job is to stop."""
        tried = self.succeeded + self.failed
        return tried >= _THRESHOLD_TASKS and self.failed > _THRESHOLD_SHARE * tried


class Job(BaseModel):
    """One job: what was asked for, and what became of it."""

    id: str
    region: str
    request: dict[str, Any] = Field(description="The parameters of CreateJob.")
    created: datetime
    status: Status = "New"
    priority: int
    progress: Progress = Progress()
    active_seconds: float = 0
    status_reason: str | None = None
    failure: tuple[str, str] | None = Field(default=None, description="Code and reason.")
    suspended: datetime | None = None
    ended: datetime | None = None

    @property
    def role_arn(self) -> str:
        """The role that the job acts as."""
        return str(self.request["RoleArn"])

    @property
    def arn(self) -> str:
        """The job's ARN."""
        return f"arn:aws:s3:{self.region}:{self.request['AccountId']}:job/{self.id}"


def describe(job: Job) -> dict[str, Any]:
    """Return what DescribeJob says of ``job``."""
    asked: dict[str, Any] = {
        name: job.request[name]
        for name in ("Manifest", "ManifestGenerator", "Operation", "Report", "Description", "RoleArn")
        if name in job.request
    }
    return {
        **summarize(job),
        **asked,
        "JobArn": job.arn,
        "ConfirmationRequired": bool(job.request.get("ConfirmationRequired")),
        **({"StatusUpdateReason": job.status_reason} if job.status_reason else {}),
        **({"SuspendedDate": job.suspended, "SuspendedCause": "AWAITING_CONFIRMATION"} if job.suspended else {}),
        **(
            {"FailureReasons": [{"FailureCode": job.failure[0], "FailureReason": job.failure[1]}]}
            if job.failure
            else {}
        ),
    }


def summarize(job: Job) -> dict[str, Any]:
    """Return what ListJobs says of ``job``."""
    return {
        "JobId": job.id,
        **({"Description": job.request["Description"]} if "Description" in job.request else {}),
        "Operation": next(iter(job.request["Operation"])),
        "Priority": job.priority,
        "Status": job.status,
        "CreationTime": job.created,
        **({"TerminationDate": job.ended} if job.ended else {}),
        "ProgressSummary": {
            "TotalNumberOfTasks": job.progress.total,
            "NumberOfTasksSucceeded": job.progress.succeeded,
            "NumberOfTasksFailed": job.progress.failed,
            "Timers": {"ElapsedTimeInActiveSeconds": int(job.active_seconds)},
        },
    }
