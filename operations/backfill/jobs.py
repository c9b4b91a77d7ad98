"""Jobs of S3 Batch Operations: created once, followed and cancelled."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from lambdas.core.aws_errors import code_of
from lambdas.core.batch_invocation import BEFORE_ARGUMENT, SCHEMA, VARIANTS_ARGUMENT
from operations.backfill.manifests import REPORTS, Manifest

ENDED = ("Complete", "Failed", "Cancelled")


@dataclass(frozen=True, slots=True)
class JobProgress:
    """The current progress of a job."""

    job_id: str
    status: str
    total: int
    succeeded: int
    failed: int
    seconds: int
    """Time in the status Active."""
    reasons: tuple[str, ...] = ()
    """Why it failed or was cancelled."""

    @property
    def has_ended(self) -> bool:
        """Whether its status is final."""
        return self.status in ENDED


class JobOrder(BaseModel):
    """The parameters of a job, identical each time it is requested."""

    model_config = ConfigDict(frozen=True)

    token: str
    description: str
    manifest: Manifest
    variants: tuple[str, ...]
    before: datetime | None = None
    function_arn: str
    priority: int


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of one account and region, which assume ``role_arn`` and report to ``bucket``."""

    client: Any  # of S3 Control
    role_arn: str
    bucket: str

    @property
    def _account(self) -> str:
        return self.role_arn.split(":")[4]

    def create(self, order: JobOrder) -> str:
        """Create a job unless one with its token exists; return its id.

        Raises:
            ClientError: S3 refused; a retry creates no second job.
        """
        arguments = {VARIANTS_ARGUMENT: " ".join(order.variants)}
        if order.before is not None:
            arguments[BEFORE_ARGUMENT] = order.before.isoformat()
        location = {"ObjectArn": f"arn:aws:s3:::{order.manifest.bucket}/{order.manifest.key}"}
        created: dict[str, Any] = self.client.create_job(
            AccountId=self._account,
            ClientRequestToken=order.token,
            ConfirmationRequired=False,
            Description=order.description,
            Operation={
                "LambdaInvoke": {
                    "FunctionArn": order.function_arn,
                    "InvocationSchemaVersion": SCHEMA,
                    "UserArguments": arguments,
                }
            },
            Manifest={
                "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                "Location": {**location, "ETag": order.manifest.etag},
            },
            Report={
                "Enabled": True,
                "Bucket": f"arn:aws:s3:::{self.bucket}",
                "Prefix": REPORTS,
                "Format": "Report_CSV_20180820",
                "ReportScope": "AllTasks",
            },
            Priority=order.priority,
            RoleArn=self.role_arn,
        )
        return str(created["JobId"])

    def progress(self, job_id: str) -> JobProgress:
        """Return the progress of a job.

        Raises:
            ClientError: S3 refused, or has no such job.
        """
        job = self.client.describe_job(AccountId=self._account, JobId=job_id)["Job"]
        summary = job.get("ProgressSummary", {})
        reasons = [f"{each.get('FailureCode')}: {each.get('FailureReason')}" for each in job.get("FailureReasons", [])]
        if "StatusUpdateReason" in job:
            reasons.append(job["StatusUpdateReason"])
        return JobProgress(
            job_id=job_id,
            status=job["Status"],
            total=summary.get("TotalNumberOfTasks", 0),
            succeeded=summary.get("NumberOfTasksSucceeded", 0),
            failed=summary.get("NumberOfTasksFailed", 0),
            seconds=summary.get("Timers", {}).get("ElapsedTimeInActiveSeconds", 0),
            reasons=tuple(reasons),
        )

    def cancel(self, job_id: str, reason: str) -> bool:
        """Cancel a job; return False if it has already ended.

        Raises:
            ClientError: S3 refused for another reason.
        """
        if self.progress(job_id).has_ended:
            return False
        try:
            self.client.update_job_status(
                AccountId=self._account, JobId=job_id, RequestedJobStatus="Cancelled", StatusUpdateReason=reason
            )
        except ClientError as error:
            if code_of(error) == "JobStatusException":  # it ended in between
                return False
            raise
        return True
