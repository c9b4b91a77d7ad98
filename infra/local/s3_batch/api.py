"""The five operations on jobs."""

import base64
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from infra.local.endpoint import ACCOUNT
from infra.local.s3_batch.creation import check_priority, check_request
from infra.local.s3_batch.errors import BatchError
from infra.local.s3_batch.job import (
    ENDED,
    WAITING,
    Job,
    describe,
    summarize,
)
from infra.local.s3_batch.store import JobStore

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
        # As a job is kept, so that what was asked before and what is asked now compare alike.
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
        raise BatchError("InvalidNextTokenException", "The continuation token is none of this service") from error
