"""The role that a flow runs under: the SDK's profile ``<name>-<stage>-<flow>``, where the worker has one.

On a worker without such a profile, and for whoever starts a flow by hand, the flow has the rights of its process.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.session
from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State

from lambdas.core.settings import DEFAULT_STAGE, load_settings

_PROFILE = "AWS_PROFILE"


def take_role(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Have this process use the role of ``flow``, and so the kernels of its notebooks: a hook of a flow's start."""
    if profile := _find(flow, flow_run):
        os.environ[_PROFILE] = profile
        boto3.setup_default_session(profile_name=profile)


@contextmanager
def role_of(flow: Flow[..., Any], flow_run: FlowRun) -> Iterator[None]:
    """Use the role of ``flow`` for a while: for a hook that the worker's own process runs."""
    before, profile = boto3.DEFAULT_SESSION, _find(flow, flow_run)
    if profile:
        boto3.setup_default_session(profile_name=profile)
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before


def _find(flow: Flow[..., Any], flow_run: FlowRun) -> str | None:
    stage = flow_run.parameters.get("stage", DEFAULT_STAGE)
    profile = f"{load_settings(stage=stage).prefix}-{flow.name}"
    return profile if profile in botocore.session.Session().available_profiles else None
