"""Flows have the rights of their roles, and no others: the emulator enforces IAM for them as for functions."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from deployment_runs import FlowsHere, as_worker

from flows.audit import audit
from flows.export_images import export_images
from flows.reporting.periods import Period
from flows.reporting.publishing import list_reports
from flows.reporting.queries import Query, find_analytics, run_query
from flows.rotate_keys import rotate_keys
from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.local.worker import with_profile
from lambdas.core.settings import EDGE_REGION


@contextmanager
def without(stack: LocalStack, flow: str, action: str) -> Iterator[None]:
    """Take the right to an action away from a flow's role."""
    iam, role = stack.client("iam"), f"{stack.settings.prefix}-{flow}"
    denied = {"Effect": "Deny", "Action": action, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    iam.put_role_policy(RoleName=role, PolicyName="without", PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="without")


@pytest.mark.parametrize(
    ("flow", "deployment", "action"),
    [
        (audit, "daily", "ssm:GetParameters"),
        (rotate_keys, "daily", "dynamodb:GetItem"),
        (export_images, "daily", "dynamodb:Scan"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_a_flow_that_lacks_a_right_fails(
    flows_here: FlowsHere, stack: LocalStack, flow: Any, deployment: str, action: str
) -> None:
    with without(stack, flow.name, action):
        state = flows_here.run(flow, deployment)
    assert not state.is_completed()
    assert "AccessDenied" in str(state.message), state.message


@pytest.mark.parametrize(
    ("service", "call", "arguments"),
    [
        ("s3", "list_buckets", {}),
        ("dynamodb", "scan", {"TableName": "darkroom-dev-images"}),
        ("s3control", "list_jobs", {"AccountId": ACCOUNT}),
        ("sts", "assume_role", {"RoleArn": "", "RoleSessionName": "trial"}),
    ],
)
def test_a_worker_has_no_rights_but_to_assume_roles_of_flows(
    stack: LocalStack, service: str, call: str, arguments: dict[str, str]
) -> None:
    if "RoleArn" in arguments:
        jobs = f"arn:aws:iam::{ACCOUNT}:role/{stack.settings.prefix}-backfill-jobs"
        arguments = {**arguments, "RoleArn": jobs}
    with as_worker(stack.worker_environment()):
        client: Any = boto3.client(service)  # type: ignore[call-overload]
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client, call)(**arguments)


def test_an_analyst_queries_and_reads_reports_but_changes_nothing(stack: LocalStack) -> None:
    profile = f"{stack.settings.prefix}-notebooks"
    with as_worker(with_profile(stack.environment(), stack.folder.profiles, profile)):
        analytics, s3 = find_analytics(stack.settings), boto3.client("s3", EDGE_REGION)
        day = Period(date(2026, 11, 1), date(2026, 11, 1))
        assert run_query(Query("hit_ratio_by_day"), day, analytics, attempts=1).rows.empty
        assert isinstance(list_reports(analytics), list)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=analytics.reports_bucket, Key="index.html", Body=b"")
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.get_object(Bucket=stack.parameter("originals-bucket"), Key="demo/there")
