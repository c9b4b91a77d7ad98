"""Deployments run through Prefect's API by the process that serves them, or in the process of a test."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from unittest import mock
from uuid import uuid4

import boto3
import httpx
import pytest

from infra.local.parts import PREFECT
from infra.local.processes import log_tail
from infra.local.stack import LocalStack

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import State

_ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_PATIENCE_SECONDS = 150.0
_BUSY_SECONDS = 120.0  # more than the 60 s for which the server waits for a lock on SQLite without responding
_ANSWER_SECONDS = 20.0


class _Patient(httpx.HTTPTransport):
    """Retries while the server's database is busy, as Prefect's own clients do."""

    def __init__(self, log: Path):
        super().__init__()
        self._log = log

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        deadline = time.monotonic() + _BUSY_SECONDS
        while time.monotonic() < deadline:
            with suppress(httpx.ReadTimeout):
                response = super().handle_request(request)
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return response
                response.close()
            time.sleep(0.2)
        raise AssertionError(f"expected an answer to {request.url} but the server is busy:\n{log_tail(self._log, 40)}")


class Prefect:
    """The API of a stack's Prefect server."""

    def __init__(self, stack: LocalStack):
        self._stack = stack
        self._api = httpx.Client(
            base_url=f"{stack.prefect_url}/api",
            auth=("darkroom", stack.keys.token),
            trust_env=False,
            timeout=_ANSWER_SECONDS,
            transport=_Patient(stack.folder.log(PREFECT.name)),
        )

    def start(self, deployment: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Press "Run" on ``flow-name/deployment-name``; return the id of the flow run."""
        found = self._content(self._api.get(f"/deployments/name/{deployment}"))
        # With its key it is one run, however often the server is asked.
        body = {"parameters": dict(parameters or {}), "state": {"type": "SCHEDULED"}, "idempotency_key": uuid4().hex}
        return str(self._content(self._api.post(f"/deployments/{found['id']}/create_flow_run", json=body))["id"])

    def read(self, flow_run_id: str) -> dict[str, Any]:
        """Return a flow run as the server has it."""
        return dict(self._content(self._api.get(f"/flow_runs/{flow_run_id}")))

    def await_state(self, flow_run_id: str, *types: str) -> dict[str, Any]:
        """Wait until a flow run is in a state of one of ``types``, such as PAUSED; a final state if none is given."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            run = self.read(flow_run_id)
            if run["state_type"] in (types or _ENDED):
                return run
            if run["state_type"] in _ENDED or time.monotonic() > deadline:
                raise AssertionError(
                    f"expected {types or _ENDED} but {run['name']} is {run['state']['name']}: "
                    f"{run['state']['message']}\n{log_tail(self._stack.folder.log('flows'), 40)}"
                )
            time.sleep(0.2)

    def run(self, deployment: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run a deployment to its end; return the flow run."""
        return self.await_state(self.start(deployment, parameters))

    def cancel(self, flow_run_id: str) -> None:
        """Press "Cancel" on a flow run; return when it is cancelled."""
        body = {"state": {"type": "CANCELLING"}}
        self._content(self._api.post(f"/flow_runs/{flow_run_id}/set_state", json=body))
        self.await_state(flow_run_id, "CANCELLED")

    def resume(self, flow_run_id: str, run_input: Mapping[str, Any]) -> None:
        """Resume a paused flow run with the input that its form requires."""
        resumed = self._content(self._api.post(f"/flow_runs/{flow_run_id}/resume", json={"run_input": dict(run_input)}))
        assert resumed["status"] == "ACCEPT", resumed

    def artifacts(self, flow_run_id: str) -> dict[str, dict[str, Any]]:
        """Return the artifacts of a flow run by their keys."""
        sought = {"artifacts": {"flow_run_id": {"any_": [flow_run_id]}}}
        found = self._content(self._api.post("/artifacts/filter", json=sought))
        return {artifact["key"]: artifact for artifact in found}

    def pause_schedules(self) -> None:
        """Pause the schedules of every deployment."""
        for deployment in self._content(self._api.post("/deployments/filter", json={})):
            self._api.post(f"/deployments/{deployment['id']}/pause_deployment").raise_for_status()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Post ``body`` and return the response, retrying while the server is busy."""
        return self._content(self._api.post(path, json=dict(body)))

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _content(response: httpx.Response) -> Any:
        assert response.is_success, response.text
        return response.json() if response.content else None


def refusal(flow: "Flow[..., Any]", **parameters: Any) -> "State[Any]":
    """Return the state that ``flow`` returns, with ``parameters`` validated as Prefect does, but without a run."""
    state: State[Any] = flow.fn(**flow.validate_parameters(parameters))
    return state


@contextmanager
def as_worker(environment: Mapping[str, str]) -> Iterator[None]:
    """Have this process be a worker, which has no rights but to assume the flows' roles."""
    before = boto3.DEFAULT_SESSION
    with mock.patch.dict(os.environ, environment):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            os.environ.pop(name, None)
        boto3.DEFAULT_SESSION = None
        try:
            yield
        finally:
            boto3.DEFAULT_SESSION = before


def run_under_roles(patch: pytest.MonkeyPatch, stack: LocalStack) -> None:
    """Have each flow that a test calls run as on a worker, under its own role; all else has the account's rights."""
    from prefect import Flow

    call: Callable[..., Any] = Flow.__call__
    environment = stack.worker_environment()

    def call_as_worker(flow: "Flow[..., Any]", *arguments: Any, **parameters: Any) -> Any:
        with as_worker(environment):
            return call(flow, *arguments, **parameters)

    patch.setattr(Flow, "__call__", call_as_worker)


class FlowsHere:
    """Runs flows in this process, with the parameters of their deployments."""

    def __init__(self, runs: Prefect) -> None:
        self._runs = runs

    def run(self, flow: "Flow[..., Any]", deployment: str, **parameters: Any) -> "State[Any]":
        """Run ``flow`` with the parameters of one of its deployments, overridden by ``parameters``."""
        from flows.serve import read_deployments

        (found,) = [
            each
            for each in read_deployments()
            if each.name == deployment and each.entrypoint.endswith(f":{flow.fn.__name__}")
        ]
        state: State[Any] = flow(**{**found.parameters, **parameters}, return_state=True)  # type: ignore[call-overload]
        return state

    def artifacts(self, state: "State[Any]") -> dict[str, dict[str, Any]]:
        """Return the artifacts of a run by their keys."""
        return self._runs.artifacts(run_id(state))


def run_id(state: "State[Any]") -> str:
    """Return the id of the flow run that ended in ``state``."""
    return str(state.state_details.flow_run_id)
