"""The state of a backfill run: its manifests and jobs, so that a restarted run resumes them.

There is one active state per run name. Starting a run is a single conditional write.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from lambdas.core.aws_errors import is_conflict, is_missing
from operations.backfill.manifests import Manifest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Kind = Literal["canary", "main", "retry"]
RUNS = "runs"  # folder of the states


class RunJob(BaseModel):
    """One job of a run, and its manifest; ``job_id`` is None until the job has been created."""

    model_config = ConfigDict(frozen=True)

    manifest: Manifest
    job_id: str | None = None


class RunState(BaseModel):
    """One run."""

    model_config = ConfigDict(frozen=True)

    name: str
    started: datetime
    function_arn: str
    variants: tuple[str, ...]
    redraw: bool = False
    images: int
    derivatives: int
    estimated_seconds: float
    estimated_usd: float
    jobs: dict[Kind, RunJob]

    @property
    def run_id(self) -> str:
        """Id that distinguishes runs of the same name, short enough for a job's token."""
        return f"{self.started:%Y%m%dT%H%M%SZ}-{self.name}"

    def token(self, kind: Kind) -> str:
        """Return the ClientRequestToken of a job, with which repeated requests create one job."""
        return f"{self.run_id}-{kind}"

    def with_job(self, kind: Kind, job: RunJob) -> "RunState":
        """Return the state with ``job`` added or replaced."""
        return self.model_copy(update={"jobs": {**self.jobs, kind: job}})


@dataclass(frozen=True, slots=True)
class RunStates:
    """The run states in a bucket."""

    s3: "S3Client"
    bucket: str

    def find(self, name: str) -> RunState | None:
        """Return the active run of that name, or None.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        try:
            response = self.s3.get_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        return RunState.model_validate_json(response["Body"].read())

    def begin(self, state: RunState) -> RunState:
        """Store a new state, unless another run of its name began first; return the stored one.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        try:
            self.s3.put_object(
                Bucket=self.bucket, Key=self._key(state.name), Body=state.model_dump_json(indent=2), IfNoneMatch="*"
            )
        except ClientError as error:
            if not is_conflict(error):
                raise
            return self.find(state.name) or state
        return state

    def save(self, state: RunState) -> None:
        """Replace the stored state.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        self.s3.put_object(Bucket=self.bucket, Key=self._key(state.name), Body=state.model_dump_json(indent=2))

    def close(self, state: RunState) -> None:
        """Archive a state, so that the next run of its name starts from the beginning.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        key = f"{RUNS}/closed/{state.run_id}.json"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=state.model_dump_json(indent=2))
        self.s3.delete_object(Bucket=self.bucket, Key=self._key(state.name))

    @staticmethod
    def _key(name: str) -> str:
        return f"{RUNS}/{name}.json"


def started_now() -> datetime:
    """Return the current time (UTC) in whole seconds, the resolution of a run id."""
    return datetime.now(UTC).replace(microsecond=0)
