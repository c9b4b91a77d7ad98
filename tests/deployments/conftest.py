"""Flows run in the process of a test, which saves the start of an interpreter for each run.

Serving, approval and cancellation through Prefect's API are tested once each, with the fixture ``served``. A table of
refused parameters needs no run (:func:`deployment_runs.refusal`).
"""

from collections.abc import Iterator

import boto3
import pytest
from deployment_runs import FlowsHere, Prefect, run_under_roles

from infra.local.stack import LocalStack


@pytest.fixture(scope="session")
def sdk() -> boto3.Session:
    """Keep one session of the SDK: a new one parses its data files again for each test."""
    return boto3.Session()


@pytest.fixture
def flows_here(
    stack: LocalStack, prefect: str, sdk: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FlowsHere]:
    """Have flows of this process use the local stack and its Prefect server, each under its own role."""
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_URL,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )

    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", sdk)
    reporting = {
        PREFECT_API_URL: prefect,
        PREFECT_API_AUTH_STRING: stack.prefect_login,
        PREFECT_LOGGING_TO_API_ENABLED: False,
    }
    with temporary_settings(reporting), Prefect(stack) as runs:
        run_under_roles(monkeypatch, stack)
        yield FlowsHere(runs)
