"""Flows run in the process of a test."""

from collections.abc import Iterator

import boto3
import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

from infra.local.stack import LocalStack


@pytest.fixture
def flows_here(stack: LocalStack, prefect: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have flows of this process use the local stack and its Prefect server."""
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with temporary_settings({PREFECT_API_URL: prefect, PREFECT_LOGGING_TO_API_ENABLED: False}):
        yield
