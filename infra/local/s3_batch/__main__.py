"""Serve S3 Batch Operations on loopback: ``python -m infra.local.s3_batch``.

Reads the emulator's address from the AWS variables of the environment, its own port from ``DARKROOM_BATCH_PORT``
(4568 if unset), and keeps its jobs in the state folder.
"""

import logging
import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import uvicorn

from infra.local.endpoint import HOST, Endpoint, assume_role, role_client
from infra.local.guard import TOKEN_VARIABLE, Guard
from infra.local.s3_batch.api import BatchApi
from infra.local.s3_batch.job import Job, PreparationError, Task
from infra.local.s3_batch.manifest import list_objects, read_manifest
from infra.local.s3_batch.running import Outcome, invoke
from infra.local.s3_batch.scheduler import Scheduler
from infra.local.s3_batch.server import build_app
from infra.local.s3_batch.store import JobStore
from infra.local.state import default_home

DEFAULT_PORT = 4568
_PRINCIPAL = "batchoperations.s3.amazonaws.com"


@dataclass
class RoleHands:
    """A job's clients, with what its role allows."""

    endpoint: Endpoint
    job: Job

    @cached_property
    def _session(self) -> Any:
        return assume_role(self.endpoint, self.job.role_arn, f"job-{self.job.id}")

    @cached_property
    def s3(self) -> Any:
        """A client of the emulator's S3."""
        return role_client(self.endpoint, self._session, "s3", self.job.region)

    @cached_property
    def _lambda(self) -> Any:
        return role_client(self.endpoint, self._session, "lambda", self.job.region)

    def invoke(self, number: int, task: Task) -> Outcome:
        """Hand a task to the job's function."""
        return invoke(self._lambda, self.job, number, task)

    def tasks(self) -> list[Task]:
        """Return the job's tasks.

        Raises:
            PreparationError: there are none, or the service may not take the role.
            ClientError: the emulator refused.
        """
        role = self.endpoint.client("iam").get_role(RoleName=self.job.role_arn.rpartition("/")[2])["Role"]
        if _PRINCIPAL not in str(role["AssumeRolePolicyDocument"]):
            raise PreparationError("AccessDenied", f"The role {self.job.role_arn} does not trust {_PRINCIPAL}")
        if "Manifest" in self.job.request:
            return read_manifest(self.s3, self.job.request["Manifest"])
        return list_objects(self.s3, self.job.request["ManifestGenerator"]["S3JobManifestGenerator"])


def main() -> None:
    """Serve until stopped."""
    logging.basicConfig(level=logging.WARNING)
    endpoint, store = Endpoint.from_environment(), JobStore(default_home() / "batch")

    def hands(job: Job) -> RoleHands:
        return RoleHands(endpoint, job)

    Scheduler(store, lambda job: hands(job).tasks(), hands).start()
    port = int(os.environ.get("DARKROOM_BATCH_PORT", DEFAULT_PORT))
    application = Guard(build_app(BatchApi(store), endpoint.url, os.environ[TOKEN_VARIABLE]))
    uvicorn.run(application, host=HOST, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
